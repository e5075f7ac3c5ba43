import { Inbox } from "lucide-react";
import { useCallback, useEffect, useId, useState } from "react";
import type { Mailbox } from "../../api/types";
import { CopyField } from "../../components/CopyField";
import { MainHeader } from "../../components/MainHeader";
import { useMinute, useTidings } from "../../state/react";
import { Button } from "../../ui/Button";
import { ago, shortId } from "../../ui/format";
import { t } from "../../ui/i18n";
import { Spinner } from "../../ui/Spinner";

const read_ms = 5_000;

/** Who keeps envelopes for this node, whether they keep their word, and the link by which others use this one. */
export function Mailboxes() {
  const { client, failed, toast } = useTidings();
  const [mailboxes, setMailboxes] = useState<Mailbox[]>();
  const [own, setOwn] = useState<string | null>();
  const [link, setLink] = useState("");
  const now = useMinute();
  const fieldId = useId();

  const read = useCallback(async () => {
    try {
      setMailboxes(await client.mailboxes());
    } catch (error) {
      failed(error);
    }
  }, [client, failed]);
  useEffect(() => {
    void read();
    const timer = setInterval(() => void read(), read_ms);
    return () => clearInterval(timer);
  }, [read]);
  useEffect(() => {
    const readOwn = async () => ((await client.status()).mailbox ? (await client.mailboxLink()).link : null);
    readOwn().then(setOwn, (error) => {
      setOwn(null);
      failed(error);
    });
  }, [client, failed]);

  const use = async () => {
    if (link.trim() === "") return;
    try {
      await client.addMailbox({ link: link.trim() });
      setLink("");
      toast("info", t("mailboxes.used"));
    } catch (error) {
      failed(error);
    }
    await read();
  };
  const drop = async (mailbox: Mailbox) => {
    try {
      await client.dropMailbox(mailbox.peer_id);
      toast("info", t("mailboxes.dropped"));
    } catch (error) {
      failed(error);
    }
    await read();
  };

  return (
    <main className="main" id="main">
      <MainHeader title={t("settings.mailboxes")} />
      <div className="page">
        <p className="lead">{t("mailboxes.lead")}</p>
        <section className="panel">
          {mailboxes?.length === 0 && <p className="hint">{t("mailboxes.none")}</p>}
          {mailboxes ? (
            <ul role="list" className="sessions">
              {mailboxes.map((it) => (
                <li key={it.peer_id}>
                  <span className="row-icon">
                    <Inbox />
                  </span>
                  <div>
                    <strong dir="auto" title={it.peer_id}>
                      {it.name === it.peer_id ? shortId(it.peer_id) : it.name}
                    </strong>
                    <p className="hint">
                      {state(it)}
                      {it.proved_at_ms != null && ` · ${t("mailboxes.proved", { when: ago(it.proved_at_ms, now) })}`}
                      {it.collected_at_ms != null && ` · ${t("mailboxes.collected", { when: ago(it.collected_at_ms, now) })}`}
                    </p>
                    {it.unproved != null && <p className="problem">{t("mailboxes.unproved", { reason: it.unproved })}</p>}
                    {it.missing != null && <p className="problem">{t("mailboxes.missing", { count: it.missing })}</p>}
                  </div>
                  <Button
                    tone="danger"
                    aria-label={t("mailboxes.drop-named", { name: it.name })}
                    onClick={() => void drop(it)}
                  >
                    {t("mailboxes.drop")}
                  </Button>
                </li>
              ))}
            </ul>
          ) : (
            <Spinner label={t("app.loading")} />
          )}
        </section>
        <form
          className="panel form"
          onSubmit={(event) => {
            event.preventDefault();
            void use();
          }}
        >
          <h2>{t("mailboxes.add")}</h2>
          <p className="hint">{t("mailboxes.add-hint")}</p>
          <label htmlFor={fieldId}>{t("mailboxes.link")}</label>
          <textarea
            id={fieldId}
            className="field"
            rows={3}
            dir="ltr"
            spellCheck={false}
            autoComplete="off"
            placeholder="tidings://mailbox/…"
            value={link}
            onInput={(event) => setLink(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key !== "Enter") return;
              event.preventDefault();
              void use();
            }}
          />
          <div className="form-actions">
            <Button tone="primary" type="submit">
              {t("mailboxes.use")}
            </Button>
          </div>
        </form>
        <section className="panel form">
          <h2>{t("mailboxes.own")}</h2>
          {own ? (
            <>
              <p className="hint">{t("mailboxes.own-hint")}</p>
              <CopyField value={own} label={t("mailboxes.own")} action={t("mailboxes.copy")} />
            </>
          ) : (
            own === null && <p className="hint">{t("mailboxes.own-off")}</p>
          )}
        </section>
      </div>
    </main>
  );
}

function state(mailbox: Mailbox): string {
  if (mailbox.refused != null) return t("mailboxes.refused", { reason: mailbox.refused });
  if (mailbox.opened_at_ms == null) return t("mailboxes.waiting");
  return t(mailbox.online ? "mailboxes.open" : "mailboxes.away");
}
