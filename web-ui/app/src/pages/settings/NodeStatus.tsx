import { useEffect } from "react";
import type { PeerPath } from "../../api/types";
import { Backup } from "../../components/Backup";
import { Bundles } from "../../components/Bundles";
import { CopyField } from "../../components/CopyField";
import { LinkStatus } from "../../components/LinkStatus";
import { MainHeader } from "../../components/MainHeader";
import { useSelect, useTidings } from "../../state/react";
import { Avatar } from "../../ui/Avatar";
import { shortId } from "../../ui/format";
import { type Key, t } from "../../ui/i18n";
import { Spinner } from "../../ui/Spinner";

const read_ms = 10_000;

const PATHS: Record<PeerPath, Key> = {
  direct: "status.direct",
  punched: "status.punched",
  relayed: "status.relayed",
};

export function NodeStatus() {
  const { readStatus } = useTidings();
  const status = useSelect((state) => state.status);
  const contacts = useSelect((state) => state.contacts);
  useEffect(() => {
    void readStatus();
    const timer = setInterval(() => void readStatus(), read_ms);
    return () => clearInterval(timer);
  }, [readStatus]);

  return (
    <main className="main" id="main">
      <MainHeader title={t("settings.status")} below={<LinkStatus />} />
      <div className="page">
        {status ? (
          <>
            <section className="panel">
              <dl className="facts facts-wide">
                <dt>{t("status.queued")}</dt>
                <dd>{status.queued > 0 ? t("status.queued-count", { count: status.queued }) : t("status.nothing-queued")}</dd>
                {status.disk_full && (
                  <>
                    <dt>{t("status.disk")}</dt>
                    <dd>{t("status.disk-full")}</dd>
                  </>
                )}
                <dt>{t("status.keys")}</dt>
                <dd>{status.passphrase ? t("status.passphrase") : t("status.key-file")}</dd>
              </dl>
            </section>
            <Backup />
            <Bundles />
            <section className="panel">
              <h2>{t("status.peers")}</h2>
              {status.peers.length === 0 && <p className="hint">{t("status.no-peers")}</p>}
              <ul role="list" className="peers">
                {status.peers.map((peer) => {
                  const name = (peer.account == null ? undefined : contacts?.[peer.account]?.name) ?? peer.name;
                  return (
                    <li key={peer.peer_id}>
                      <Avatar id={peer.account ?? peer.peer_id} name={name ?? "?"} size="small" />
                      <div>
                        <strong dir="auto">{name ?? t("status.unknown-peer")}</strong>
                        <code title={peer.peer_id}>{shortId(peer.peer_id)}</code>
                      </div>
                      <span className="tag">{t(PATHS[peer.path])}</span>
                    </li>
                  );
                })}
              </ul>
            </section>
            <section className="panel">
              <h2>{t("status.addresses")}</h2>
              {status.addresses.length === 0 && <p className="hint">{t("status.no-addresses")}</p>}
              <ul role="list" className="addresses">
                {status.addresses.map((it) => (
                  <li key={it}>
                    <code>{it}</code>
                  </li>
                ))}
              </ul>
            </section>
            <section className="panel form">
              <h2>{t("status.peer")}</h2>
              <CopyField value={status.peer_id} label={t("status.peer")} action={t("status.copy-peer")} />
              <h2>{t("status.account")}</h2>
              <CopyField value={status.account} label={t("status.account")} action={t("contact.copy-account")} />
            </section>
          </>
        ) : (
          <Spinner label={t("app.loading")} />
        )}
      </div>
    </main>
  );
}
