import { useCallback, useEffect, useState } from "react";
import type { Contact, Identity } from "../api/types";
import { useTidings } from "../state/react";
import { Button } from "../ui/Button";
import { t } from "../ui/i18n";
import { Spinner } from "../ui/Spinner";
import { Identities } from "./Identities";

/** Who a contact is elsewhere: what their card proves, read again whenever the contact changes. */
export function ContactIdentities({ contact }: { contact: Contact }) {
  const { client, failed } = useTidings();
  const [identities, setIdentities] = useState<Identity[]>();
  const [asking, setAsking] = useState(false);
  const account = contact.contact;

  const read = useCallback(async () => {
    try {
      setIdentities(await client.identitiesOf(account));
    } catch (error) {
      failed(error);
    }
  }, [client, failed, account]);
  useEffect(() => void read(), [read, contact]);

  const check = async () => {
    setAsking(true);
    try {
      setIdentities(await client.checkIdentitiesOf(account));
    } catch (error) {
      failed(error);
    }
    setAsking(false);
  };

  return (
    <section className="panel">
      <h2>{t("contact.identities")}</h2>
      {identities === undefined && <Spinner label={t("app.loading")} />}
      {identities?.length === 0 && <p className="hint">{t("identities.none-there")}</p>}
      {identities !== undefined && identities.length > 0 && (
        <>
          <Identities identities={identities} />
          <div className="form-actions">
            <Button disabled={asking} onClick={() => void check()}>
              {asking ? t("identities.checking") : t("identities.check")}
            </Button>
          </div>
        </>
      )}
    </section>
  );
}
