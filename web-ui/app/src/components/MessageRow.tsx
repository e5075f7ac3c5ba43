import { ClockAlert, Copy, Info, Reply, RotateCcw, Trash2 } from "lucide-react";
import { memo, useState } from "react";
import type { Message } from "../api/types";
import type { Outgoing } from "../state/model";
import { useSelect, useTidings } from "../state/react";
import { Avatar } from "../ui/Avatar";
import { IconButton } from "../ui/Button";
import { isEmojiOnly, moment, shortId, time } from "../ui/format";
import { t } from "../ui/i18n";
import { RichText } from "../ui/RichText";
import { StateIcon } from "../ui/StateIcon";
import type { Shown } from "../ui/StateIcon";
import { Quote } from "./Quote";

export type RowActions = {
  reply(message: Message): void;
  details(message: Message): void;
  copy(message: Message): void;
  jump(message: string): void;
};

type Props = {
  message: Message;
  first: boolean;
  last: boolean;
  group: boolean;
  active: boolean;
  flashing: boolean;
  actions: RowActions;
};

export const MessageRow = memo(function MessageRow({ message, first, last, group, active, flashing, actions }: Props) {
  const { mine, text } = message;
  const blocked = useSelect((state) => !mine && state.blocked[message.sender] !== undefined);
  const [shown, setShown] = useState(false);
  const reach = active ? 0 : -1;
  if (blocked && !shown) {
    return (
      <li className="system" data-key={message.message} data-message tabIndex={reach}>
        <p>
          {t("block.message")}{" "}
          <button type="button" className="link" tabIndex={reach} onClick={() => setShown(true)}>
            {t("block.show")}
          </button>
        </p>
      </li>
    );
  }
  const side = mine ? "mine" : "theirs";
  const className = ["message", side, first && "first", last && "last", flashing && "flashing"].filter(Boolean).join(" ");
  return (
    <li className={className} data-key={message.message} data-message tabIndex={reach}>
      {group && !mine && (
        <span className="message-face">{last && <Avatar id={message.sender} name={message.sender_name} size="small" />}</span>
      )}
      <div className={isEmojiOnly(text) && !message.reply_to ? "bubble emoji" : "bubble"}>
        <span className={group && first && !mine ? "author" : "visually-hidden"}>
          {mine ? t("message.you") : message.sender_name}
        </span>
        {message.shared_by !== undefined && (
          <span className="shared">{t("message.shared", { name: message.shared_by_name ?? shortId(message.shared_by) })}</span>
        )}
        {message.reply_to && <Quote id={message.reply_to} conversation={message.conversation} reach={reach} onJump={actions.jump} />}
        <div className="text" dir="auto">
          <RichText text={text} />
        </div>
        <span className="meta">
          {message.late && <Late at_ms={message.received_at_ms} />}
          <time dateTime={new Date(message.sent_at_ms).toISOString()} title={moment(message.sent_at_ms)}>
            {time(message.sent_at_ms)}
          </time>
          {mine && <StateIcon state={message.state as Shown} />}
        </span>
        <div className="message-actions" role="group" aria-label={t("message.actions")}>
          <IconButton label={t("message.reply")} tabIndex={reach} onClick={() => actions.reply(message)}>
            <Reply />
          </IconButton>
          <IconButton label={t("message.copy")} tabIndex={reach} onClick={() => actions.copy(message)}>
            <Copy />
          </IconButton>
          <IconButton label={t("message.details")} tabIndex={reach} onClick={() => actions.details(message)}>
            <Info />
          </IconButton>
        </div>
      </div>
    </li>
  );
});

/** Says that a message came here after others that stand below it. */
function Late({ at_ms }: { at_ms: number }) {
  const label = t("message.late", { when: moment(at_ms) });
  return (
    <span className="late" title={label}>
      <ClockAlert aria-hidden="true" />
      <span className="visually-hidden">{label}</span>
    </span>
  );
}

/** A line about the group itself. */
export function SystemRow({ message }: { message: Message }) {
  return (
    <li className="system" data-key={message.message}>
      <p dir="auto">
        {message.text}
        {message.late && <Late at_ms={message.received_at_ms} />}
        <time className="system-time" dateTime={new Date(message.sent_at_ms).toISOString()} title={moment(message.sent_at_ms)}>
          {time(message.sent_at_ms)}
        </time>
      </p>
    </li>
  );
}

type OutgoingProps = { outgoing: Outgoing; first: boolean; last: boolean; onJump: (message: string) => void };

export function OutgoingRow({ outgoing, first, last, onJump }: OutgoingProps) {
  const { retry, discard } = useTidings();
  const link = useSelect((state) => state.link);
  const refused = outgoing.phase === "refused";
  const shown: Shown = refused ? "refused" : link === "away" ? "waiting" : "sending";
  const className = ["message mine outgoing", first && "first", last && "last", refused && "refused"].filter(Boolean).join(" ");
  return (
    <li className={className} data-key={outgoing.key}>
      <div className="bubble">
        <span className="visually-hidden">{t("message.you")}</span>
        {outgoing.replyTo && <Quote id={outgoing.replyTo} conversation={outgoing.conversation} reach={-1} onJump={onJump} />}
        <div className="text" dir="auto">
          <RichText text={outgoing.text} />
        </div>
        <span className="meta">
          <time dateTime={new Date(outgoing.at_ms).toISOString()}>{time(outgoing.at_ms)}</time>
          <StateIcon state={shown} />
        </span>
      </div>
      {refused && (
        <div className="refusal" role="alert">
          <p>{t("message.refused", { reason: outgoing.reason ?? "" })}</p>
          <button type="button" className="link" onClick={() => retry(outgoing.key)}>
            <RotateCcw />
            {t("message.retry")}
          </button>
          <button type="button" className="link" onClick={() => discard(outgoing.key)}>
            <Trash2 />
            {t("message.discard")}
          </button>
        </div>
      )}
    </li>
  );
}
