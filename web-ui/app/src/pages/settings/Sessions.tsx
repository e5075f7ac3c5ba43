import { Link, MonitorSmartphone } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import type { Session } from "../../api/types";
import { CopyField } from "../../components/CopyField";
import { MainHeader } from "../../components/MainHeader";
import { useMinute, useTidings } from "../../state/react";
import { Button } from "../../ui/Button";
import { ago, browserName } from "../../ui/format";
import { t } from "../../ui/i18n";
import { Spinner } from "../../ui/Spinner";
import { Tokens } from "./Tokens";

export function Sessions() {
  const { client, failed, toast } = useTidings();
  const [sessions, setSessions] = useState<Session[]>();
  const [url, setUrl] = useState<string>();
  const now = useMinute();

  const read = useCallback(async () => {
    try {
      setSessions(await client.sessions());
    } catch (error) {
      failed(error);
    }
  }, [client, failed]);
  useEffect(() => void read(), [read]);

  const revoke = async (session: Session) => {
    try {
      await client.revoke(session.session);
      toast("info", t("sessions.revoked"));
    } catch (error) {
      failed(error);
    }
    await read();
  };
  const make = async () => {
    try {
      setUrl((await client.signInLink()).url);
    } catch (error) {
      failed(error);
    }
  };

  const ordered = sessions?.toSorted((a, b) => Number(b.current) - Number(a.current) || b.last_used_at_ms - a.last_used_at_ms);
  return (
    <main className="main" id="main">
      <MainHeader title={t("settings.sessions")} />
      <div className="page">
        <p className="lead">{t("sessions.lead")}</p>
        <section className="panel">
          {ordered ? (
            <ul role="list" className="sessions">
              {ordered.map((it) => (
                <li key={it.session}>
                  <span className="row-icon">
                    <MonitorSmartphone />
                  </span>
                  <div>
                    <strong title={it.user_agent}>{browserName(it.user_agent)}</strong>
                    <p className="hint">
                      {it.current ? t("sessions.current") : t("sessions.last-used", { when: ago(it.last_used_at_ms, now) })}
                      {" · "}
                      {t("sessions.created", { when: ago(it.created_at_ms, now) })}
                    </p>
                  </div>
                  {!it.current && (
                    <Button
                      tone="danger"
                      aria-label={t("sessions.revoke-named", { name: browserName(it.user_agent) })}
                      onClick={() => void revoke(it)}
                    >
                      {t("sessions.revoke")}
                    </Button>
                  )}
                </li>
              ))}
            </ul>
          ) : (
            <Spinner label={t("app.loading")} />
          )}
        </section>
        <section className="panel form">
          <h2>{t("sessions.add")}</h2>
          <p className="hint">{t("sessions.add-hint")}</p>
          {url ? (
            <CopyField value={url} label={t("sessions.add")} action={t("card.copy")} primary />
          ) : (
            <div className="form-actions">
              <Button icon={<Link />} onClick={() => void make()}>
                {t("sessions.make")}
              </Button>
            </div>
          )}
        </section>
        <Tokens />
      </div>
    </main>
  );
}
