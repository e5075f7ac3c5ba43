import { BadgeCheck, CircleAlert } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import type { Identity, Issuer } from "../../api/types";
import { Identities, issuerName, whoElsewhere } from "../../components/Identities";
import { Issuers } from "../../components/Issuers";
import { MailProof } from "../../components/MailProof";
import { MainHeader } from "../../components/MainHeader";
import { backTo } from "../../state/elsewhere";
import { useSelect, useTidings } from "../../state/react";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { t } from "../../ui/i18n";
import { Spinner } from "../../ui/Spinner";

/** Who I am elsewhere, how I prove it, and whose word counts on this node. */
export function IdentitiesPane() {
  const { client, elsewhere, failed, toast } = useTidings();
  const proving = useSelect((state) => state.proving);
  const [identities, setIdentities] = useState<Identity[]>();
  const [issuers, setIssuers] = useState<Issuer[]>();
  const [going, setGoing] = useState(false);
  const [unlinking, setUnlinking] = useState<Identity>();

  const read = useCallback(async () => {
    try {
      const [mine, accepted] = await Promise.all([client.identities(), client.issuers()]);
      setIdentities(mine);
      setIssuers(accepted);
    } catch (error) {
      failed(error);
    }
  }, [client, failed]);
  useEffect(() => void read(), [read, proving]);

  const link = async (issuer: string, back: string) => {
    setGoing(true);
    try {
      const { url } = await client.beginIdentity(issuer, back);
      location.assign(url);
    } catch (error) {
      failed(error);
      setGoing(false);
    }
  };
  const unlink = async (identity: Identity) => {
    try {
      await client.unlinkIdentity(identity.identity);
      toast("info", t("identities.unlinked"));
    } catch (error) {
      failed(error);
      return false;
    }
    await read();
    return true;
  };

  const own = issuers?.filter((it) => it.own) ?? [];
  const back = backTo(location);
  return (
    <main className="main" id="main">
      <MainHeader title={t("settings.identities")} />
      <div className="page">
        <p className="lead">{t("identities.lead")}</p>
        {proving?.is === "checking" && <Spinner label={t("identities.finishing")} />}
        {proving?.is === "done" && (
          <div className="notice" data-tone="good" role="status">
            <BadgeCheck aria-hidden="true" />
            <strong className="breaks">{t("identities.linked", { who: whoElsewhere(proving.identity) })}</strong>
          </div>
        )}
        {(proving?.is === "failed" || proving?.is === "denied") && (
          <div className="notice" data-tone="error" role="alert">
            <CircleAlert aria-hidden="true" />
            <div>
              <strong>{t("identities.failed")}</strong>
              <p>{proving.is === "failed" ? proving.problem : t("identities.denied", { reason: proving.reason })}</p>
            </div>
            <Button onClick={elsewhere.dismiss}>{t("identities.dismiss")}</Button>
          </div>
        )}
        <section className="panel">
          <h2>{t("identities.yours")}</h2>
          {identities === undefined && <Spinner label={t("app.loading")} />}
          {identities?.length === 0 && <p className="hint">{t("identities.none")}</p>}
          {identities !== undefined && identities.length > 0 && (
            <Identities identities={identities} onUnlink={setUnlinking} />
          )}
        </section>
        <section className="panel form">
          <h2>{t("identities.prove")}</h2>
          <p className="hint">
            {own.length === 0
              ? t("identities.prove-none")
              : t(back === undefined ? "identities.prove-elsewhere" : "identities.prove-hint")}
          </p>
          {back !== undefined && own.length > 0 && (
            <div className="form-actions">
              {own.map((it) => (
                <Button key={it.issuer} tone="primary" disabled={going} onClick={() => void link(it.issuer, back)}>
                  {going ? t("identities.linking") : t("identities.link", { issuer: issuerName(it.issuer) })}
                </Button>
              ))}
            </div>
          )}
        </section>
        <MailProof onProved={elsewhere.proved} />
        <Issuers issuers={issuers} onChange={read} />
      </div>
      {unlinking && (
        <Confirm
          title={t("identities.unlink-title")}
          text={t("identities.unlink-text")}
          action={t("identities.unlink")}
          onConfirm={() => unlink(unlinking)}
          onClose={() => setUnlinking(undefined)}
        />
      )}
    </main>
  );
}
