import { Landmark } from "lucide-react";
import { useId, useState } from "react";
import type { Issuer, NewIssuer } from "../api/types";
import { useTidings } from "../state/react";
import { Button } from "../ui/Button";
import { t } from "../ui/i18n";
import { issuerName } from "./Identities";

type Props = { issuers: Issuer[] | undefined; onChange: () => Promise<void> };

/** The issuers whose word counts on this node, and a form for another. */
export function Issuers({ issuers, onChange }: Props) {
  const { client, failed, toast } = useTidings();

  const reject = async (issuer: Issuer) => {
    try {
      await client.rejectIssuer(issuer);
      toast("info", t("issuers.rejected"));
    } catch (error) {
      failed(error);
    }
    await onChange();
  };

  return (
    <>
      <section className="panel">
        <h2>{t("issuers.title")}</h2>
        <p className="hint">{t("issuers.hint")}</p>
        {issuers?.length === 0 && <p className="hint">{t("issuers.none")}</p>}
        {issuers !== undefined && issuers.length > 0 && (
          <ul role="list" className="sessions identities issuers">
            {issuers.map((it) => (
              <li key={`${it.issuer} ${it.client_id}`}>
                <span className="row-icon">
                  <Landmark />
                </span>
                <div>
                  <strong dir="ltr" className="breaks">
                    {issuerName(it.issuer)}
                  </strong>
                  <p className="hint breaks" dir="ltr">
                    {it.client_id}
                  </p>
                  {it.own && <p className="hint">{t("issuers.own")}</p>}
                </div>
                <Button
                  tone="danger"
                  aria-label={t("issuers.reject-named", { issuer: issuerName(it.issuer), client: it.client_id })}
                  onClick={() => void reject(it)}
                >
                  {t("issuers.reject")}
                </Button>
              </li>
            ))}
          </ul>
        )}
      </section>
      <NewIssuerForm onChange={onChange} />
    </>
  );
}

const empty = { issuer: "https://accounts.google.com", client: "", secret: "", own: true };

function NewIssuerForm({ onChange }: { onChange: () => Promise<void> }) {
  const { client, failed, toast } = useTidings();
  const [typed, setTyped] = useState(empty);
  const [busy, setBusy] = useState(false);
  const form = useId();

  const accept = async () => {
    const [issuer, client_id, client_secret] = [typed.issuer.trim(), typed.client.trim(), typed.secret.trim()];
    if (issuer === "" || client_id === "") return;
    setBusy(true);
    const wanted: NewIssuer = { issuer, client_id, own: typed.own };
    try {
      await client.acceptIssuer(typed.own && client_secret !== "" ? { ...wanted, client_secret } : wanted);
      setTyped(empty);
      toast("info", t("issuers.accepted"));
    } catch (error) {
      failed(error);
    }
    setBusy(false);
    await onChange();
  };

  const field = (name: "issuer" | "client" | "secret", label: string, type: "url" | "text" | "password") => (
    <>
      <label htmlFor={`${form}-${name}`}>{label}</label>
      <input
        id={`${form}-${name}`}
        className="field"
        type={type}
        dir="ltr"
        spellCheck={false}
        autoComplete="off"
        value={typed[name]}
        onInput={(event) => setTyped({ ...typed, [name]: event.currentTarget.value })}
      />
    </>
  );
  return (
    <form
      className="panel form"
      onSubmit={(event) => {
        event.preventDefault();
        void accept();
      }}
    >
      <h2>{t("issuers.add")}</h2>
      {field("issuer", t("issuers.issuer"), "url")}
      {field("client", t("issuers.client"), "text")}
      <label className="check">
        <input type="checkbox" checked={typed.own} onChange={(event) => setTyped({ ...typed, own: event.currentTarget.checked })} />
        {t("issuers.mine")}
      </label>
      {typed.own && field("secret", t("issuers.secret"), "password")}
      <div className="form-actions">
        <Button tone="primary" type="submit" disabled={busy}>
          {t("issuers.accept")}
        </Button>
      </div>
    </form>
  );
}
