import { useEffect, useState } from "react";
import type { KeptBy, Message, MessageDetail, MessageState, Recipient } from "../api/types";
import { useSelect, useTidings } from "../state/react";
import { Avatar } from "../ui/Avatar";
import { Dialog } from "../ui/Dialog";
import { list, moment } from "../ui/format";
import { t } from "../ui/i18n";
import { Spinner } from "../ui/Spinner";
import { StateIcon } from "../ui/StateIcon";
import type { Shown } from "../ui/StateIcon";

type Props = { message: Message; onClose: () => void };

/** Who keeps a message for somebody who does not have it yet. */
function keptBy(keepers: KeptBy[]): string {
  const mailboxes = keepers.filter((it) => it.mailbox !== undefined).length;
  const names = keepers.flatMap((it) => (it.name === undefined ? [] : [it.name]));
  const all = mailboxes > 0 ? [t("details.mailboxes", { count: mailboxes }), ...names] : names;
  return t("details.kept-by", { names: list(all) });
}

/** When a message was sent and received, and what is proved about it for each recipient. */
export function MessageDetails({ message, onClose }: Props) {
  const { client, failed } = useTidings();
  const [detail, setDetail] = useState<MessageDetail>();
  // A change of the message's state is when its recipients' states changed.
  const state = useSelect(
    (it) => it.timelines[message.conversation]?.messages.find((held) => held.message === message.message)?.state,
  );
  useEffect(() => {
    let gone = false;
    client.message(message.message).then(
      (it) => !gone && setDetail(it),
      (error: unknown) => !gone && failed(error),
    );
    return () => {
      gone = true;
    };
  }, [client, failed, message.message, state]);

  return (
    <Dialog title={t("details.title")} onClose={onClose} className="dialog-narrow">
      <blockquote className="details-text" dir="auto">
        {message.text.slice(0, 500)}
      </blockquote>
      <dl className="facts">
        <dt>{t("details.from")}</dt>
        <dd>{message.mine ? t("message.you") : message.sender_name}</dd>
        <dt>{t("details.sent")}</dt>
        <dd>{moment(message.sent_at_ms)}</dd>
        {message.late && (
          <>
            <dt>{t("details.late")}</dt>
            <dd>{t("details.late-means")}</dd>
          </>
        )}
        {message.shared_by !== undefined && (
          <>
            <dt>{t("details.shared")}</dt>
            <dd>{message.shared_by_name ?? message.shared_by}</dd>
          </>
        )}
        {!message.mine && (
          <>
            <dt>{t("details.received")}</dt>
            <dd>{moment(message.received_at_ms)}</dd>
          </>
        )}
        <dt>{t("details.id")}</dt>
        <dd>
          <code>{message.message}</code>
        </dd>
      </dl>
      {message.mine && (
        <section>
          <h3>{t("details.recipients")}</h3>
          {detail && detail.recipients.length > 1 && <p className="hint">{summary(detail.recipients)}</p>}
          {detail ? (
            <ul role="list" className="recipients">
              {furthestFirst(detail.recipients).map((it) => (
                <li key={it.account}>
                  <Avatar id={it.account} name={it.name} size="small" />
                  <div>
                    <strong>{it.name}</strong>
                    <p>{it.removed ? t("details.removed") : it.kept_by ? keptBy(it.kept_by) : explained(it.state as Shown)}</p>
                  </div>
                  {!(it.removed && it.state === "queued") && (
                    <span className="recipient-state">
                      <StateIcon state={it.state as Shown} />
                      <span>{t(`state.${it.state}`)}</span>
                      {it.at_ms > 0 && <time dateTime={new Date(it.at_ms).toISOString()}>{moment(it.at_ms)}</time>}
                    </span>
                  )}
                </li>
              ))}
            </ul>
          ) : (
            <Spinner />
          )}
        </section>
      )}
    </Dialog>
  );
}

const rank: Record<MessageState, number> = { seen: 0, delivered: 1, stored: 2, queued: 3, received: 4 };

const furthestFirst = (recipients: Recipient[]): Recipient[] =>
  recipients.toSorted(
    (a, b) => Number(a.removed ?? false) - Number(b.removed ?? false) || rank[a.state] - rank[b.state] || a.name.localeCompare(b.name),
  );

/** Delivered to 3 of 5, seen by 1 */
function summary(recipients: Recipient[]): string {
  const there = recipients.filter((it) => !it.removed);
  const seen = there.filter((it) => it.state === "seen").length;
  const delivered = seen + there.filter((it) => it.state === "delivered").length;
  const first = t("details.delivered-to", { count: delivered, all: there.length });
  return seen === 0 ? first : `${first}, ${t("details.seen-by", { count: seen })}`;
}

function explained(state: Shown): string {
  switch (state) {
    case "stored":
    case "delivered":
    case "seen":
      return t(`details.${state}`);
    default:
      return t("details.queued");
  }
}
