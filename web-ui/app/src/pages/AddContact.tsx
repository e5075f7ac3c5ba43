import { CircleAlert, CircleCheck, UserPlus } from "lucide-react";
import { useId, useRef, useState } from "react";
import type { Contact } from "../api/types";
import { MainHeader } from "../components/MainHeader";
import { NavLink } from "../components/NavLink";
import { QrScanner } from "../components/QrScanner";
import { navigate, useTidings } from "../state/react";
import { Avatar } from "../ui/Avatar";
import { Button } from "../ui/Button";
import { t } from "../ui/i18n";

/** Somebody's contact link, pasted or scanned, becomes a contact. */
export function AddContact() {
  const tidings = useTidings();
  const [link, setLink] = useState("");
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  const [added, setAdded] = useState<Contact>();
  const field = useRef<HTMLTextAreaElement>(null);
  const [labelId, hintId, problemId] = [useId(), useId(), useId()];

  const add = async (wanted: string) => {
    const trimmed = wanted.trim();
    if (trimmed === "") {
      setProblem(t("add.empty"));
      field.current?.focus();
      return;
    }
    if (trimmed.startsWith("tidings://join/")) {
      setProblem(t("add.join"));
      return;
    }
    setBusy(true);
    setProblem(undefined);
    try {
      setAdded(await tidings.addContact(trimmed));
      setLink("");
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      field.current?.focus();
    } finally {
      setBusy(false);
    }
  };

  const write = async (contact: Contact) => {
    try {
      const id = contact.conversation ?? (await tidings.startConversation(contact)).conversation;
      navigate({ page: "chat", id });
    } catch (error) {
      tidings.failed(error);
    }
  };

  return (
    <main className="main" id="main">
      <MainHeader title={t("add.title")} />
      <div className="page">
        <p className="lead">{t("add.lead")}</p>
        <form
          className="panel form"
          onSubmit={(event) => {
            event.preventDefault();
            void add(link);
          }}
        >
          <label id={labelId} htmlFor={`${labelId}-field`}>
            {t("add.link")}
          </label>
          <textarea
            id={`${labelId}-field`}
            ref={field}
            className="field"
            rows={3}
            dir="ltr"
            spellCheck={false}
            autoComplete="off"
            value={link}
            aria-describedby={problem ? `${problemId} ${hintId}` : hintId}
            aria-invalid={problem !== undefined}
            onInput={(event) => {
              setLink(event.currentTarget.value);
              setProblem(undefined);
            }}
            onKeyDown={(event) => {
              if (event.key !== "Enter") return;
              event.preventDefault();
              void add(link);
            }}
          />
          {problem ? (
            <p id={problemId} className="problem" role="alert">
              <CircleAlert aria-hidden="true" />
              {problem}
            </p>
          ) : null}
          <p id={hintId} className="hint">
            {t("add.link-hint")}
          </p>
          <div className="form-actions">
            <Button type="submit" tone="primary" icon={<UserPlus />} disabled={busy}>
              {busy ? t("add.adding") : t("add.submit")}
            </Button>
          </div>
          <p className="divider">
            <span>{t("add.or")}</span>
          </p>
          <QrScanner
            onProblem={setProblem}
            onCode={(code) => {
              setLink(code);
              void add(code);
            }}
          />
        </form>
        <div role="status">
          {added && (
            <div className="panel added">
              <Avatar id={added.contact} name={added.name} size="large" />
              <div>
                <p className="added-title">
                  <CircleCheck aria-hidden="true" />
                  {t("add.added", { name: added.name })}
                </p>
                <p className="hint">{t("add.both")}</p>
                <div className="form-actions">
                  <Button tone="primary" onClick={() => void write(added)}>
                    {t("contact.message")}
                  </Button>
                  <NavLink to={{ page: "card" }} className="button button-quiet">
                    <span>{t("contacts.card")}</span>
                  </NavLink>
                </div>
              </div>
            </div>
          )}
        </div>
      </div>
    </main>
  );
}
