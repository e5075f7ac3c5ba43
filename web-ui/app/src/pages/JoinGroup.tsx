import { CircleAlert, LogIn } from "lucide-react";
import { useId, useRef, useState } from "react";
import { MainHeader } from "../components/MainHeader";
import { QrScanner } from "../components/QrScanner";
import { navigate, useTidings } from "../state/react";
import { Button } from "../ui/Button";
import { t } from "../ui/i18n";

/** An invite link, pasted or scanned, becomes a group. */
export function JoinGroup() {
  const { groups } = useTidings();
  const [link, setLink] = useState("");
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const id = useId();

  const join = async (wanted: string) => {
    const trimmed = wanted.trim();
    const wrong = trimmed === "" ? t("join.empty") : trimmed.startsWith("tidings://contact/") ? t("join.contact") : undefined;
    if (wrong !== undefined) {
      setProblem(wrong);
      field.current?.focus();
      return;
    }
    setBusy(true);
    setProblem(undefined);
    try {
      const conversation = await groups.join(trimmed);
      navigate({ page: "chat", id: conversation.conversation });
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setBusy(false);
      field.current?.focus();
    }
  };

  return (
    <main className="main" id="main">
      <MainHeader title={t("join.title")} />
      <div className="page">
        <p className="lead">{t("join.lead")}</p>
        <form
          className="panel form"
          onSubmit={(event) => {
            event.preventDefault();
            void join(link);
          }}
        >
          <label htmlFor={`${id}-field`}>{t("join.link")}</label>
          <textarea
            id={`${id}-field`}
            ref={field}
            className="field"
            rows={3}
            dir="ltr"
            spellCheck={false}
            autoComplete="off"
            value={link}
            aria-describedby={problem ? `${id}-problem ${id}-hint` : `${id}-hint`}
            aria-invalid={problem !== undefined}
            onInput={(event) => {
              setLink(event.currentTarget.value);
              setProblem(undefined);
            }}
            onKeyDown={(event) => {
              if (event.key !== "Enter") return;
              event.preventDefault();
              void join(link);
            }}
          />
          {problem ? (
            <p id={`${id}-problem`} className="problem" role="alert">
              <CircleAlert aria-hidden="true" />
              {problem}
            </p>
          ) : null}
          <p id={`${id}-hint`} className="hint">
            {t("join.link-hint")}
          </p>
          <div className="form-actions">
            <Button type="submit" tone="primary" icon={<LogIn />} disabled={busy}>
              {busy ? t("join.joining") : t("join.submit")}
            </Button>
          </div>
          <p className="divider">
            <span>{t("join.or")}</span>
          </p>
          <QrScanner
            onProblem={setProblem}
            onCode={(code) => {
              setLink(code);
              void join(code);
            }}
          />
        </form>
        <section className="panel">
          <h2>{t("join.what-title")}</h2>
          <p className="hint">{t("join.what")}</p>
        </section>
      </div>
    </main>
  );
}
