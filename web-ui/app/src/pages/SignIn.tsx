import { Check, CircleAlert, Copy, PlugZap } from "lucide-react";
import { useState } from "react";
import { useSelect, useTidings } from "../state/react";
import { IconButton } from "../ui/Button";
import { t } from "../ui/i18n";
import { Logo } from "../ui/Logo";
import { Spinner } from "../ui/Spinner";

const command = "tidings link";

type Props = { progress: "asking" | "needed" | "checking" | "failed"; problem?: string };

/** Before there is a session: waits for the node, signs in by the link, or says how to get one. */
export function SignIn({ progress, problem }: Props) {
  const away = useSelect((state) => state.link === "away");
  if (progress === "asking" && !away) {
    return (
      <main className="splash" aria-busy="true">
        <Logo size={72} />
        <Spinner label={t("app.loading")} />
      </main>
    );
  }
  return (
    <main className="sign-in">
      <div className="card">
        <Logo size={56} />
        {progress === "checking" ? (
          <>
            <h1>{t("sign-in.checking")}</h1>
            <Spinner label={t("sign-in.checking")} />
          </>
        ) : away && progress === "asking" ? (
          <>
            <h1>{t("sign-in.away")}</h1>
            <p className="lead">{t("sign-in.away-hint")}</p>
            <p className="waiting">
              <PlugZap aria-hidden="true" />
              {t("link.connecting")}
            </p>
          </>
        ) : (
          <>
            <h1>{t("sign-in.title")}</h1>
            {progress === "failed" ? (
              <div className="notice" data-tone="error" role="alert">
                <CircleAlert aria-hidden="true" />
                <div>
                  <strong>{t("sign-in.failed")}</strong>
                  <p>
                    {problem} {t("sign-in.failed-hint")}
                  </p>
                </div>
              </div>
            ) : (
              <p className="lead">{t("sign-in.lead")}</p>
            )}
            <ol className="steps">
              <li>
                <p>{t("sign-in.step-run")}</p>
                <Command />
              </li>
              <li>
                <p>{t("sign-in.step-open")}</p>
              </li>
            </ol>
          </>
        )}
      </div>
    </main>
  );
}

function Command() {
  const { toast } = useTidings();
  const [copied, setCopied] = useState(false);
  const copy = () =>
    navigator.clipboard.writeText(command).then(
      () => setCopied(true),
      () => toast("error", t("copy.failed")),
    );
  return (
    <div className="command">
      <code>{command}</code>
      <IconButton label={copied ? t("copy.done") : t("card.copy")} onClick={() => void copy()}>
        {copied ? <Check /> : <Copy />}
      </IconButton>
    </div>
  );
}
