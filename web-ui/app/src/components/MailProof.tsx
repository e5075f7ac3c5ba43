import { Mail } from "lucide-react";
import { useId, useState } from "react";
import type { Identity } from "../api/types";
import { useTidings } from "../state/react";
import { Button } from "../ui/Button";
import { t } from "../ui/i18n";
import { CopyField } from "./CopyField";
import { useDoing } from "./group/useDoing";

const mail_bytes_max = 64 * 1024;

/** Proves an address: the subject of the mail to send, and where the mail is brought that came of it. */
export function MailProof({ onProved }: { onProved: (identity: Identity) => void }) {
  const { client } = useTidings();
  const { busy, act } = useDoing();
  const [subject, setSubject] = useState<string>();
  const [problem, setProblem] = useState<string>();
  const file = useId();

  const bring = (mail: File) => {
    if (mail.size > mail_bytes_max) return setProblem(t("identities.mail-large"));
    setProblem(undefined);
    void act(async () => {
      const bytes = new Uint8Array(await mail.arrayBuffer());
      onProved(await client.finishMail(btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))));
      setSubject(undefined);
    });
  };

  return (
    <section className="panel form">
      <h2>{t("identities.mail")}</h2>
      <p className="hint">{t("identities.mail-hint")}</p>
      {subject === undefined ? (
        <div className="form-actions">
          <Button icon={<Mail />} disabled={busy} onClick={() => void act(async () => setSubject((await client.beginMail()).subject))}>
            {t("identities.mail-begin")}
          </Button>
        </div>
      ) : (
        <>
          <CopyField value={subject} label={t("identities.mail-subject")} action={t("copy.do")} primary />
          <label htmlFor={file}>{t("identities.mail-file")}</label>
          <input
            id={file}
            className="field"
            type="file"
            accept=".eml,message/rfc822,text/plain"
            disabled={busy}
            onChange={(event) => {
              const [mail] = event.currentTarget.files ?? [];
              if (mail) bring(mail);
            }}
          />
        </>
      )}
      <div role="alert">{problem !== undefined && <p className="problem">{problem}</p>}</div>
    </section>
  );
}
