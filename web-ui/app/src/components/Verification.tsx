import { BadgeCheck, Ban, ScanLine } from "lucide-react";
import { useState } from "react";
import { safetyCode } from "../api/strangers";
import type { Contact } from "../api/types";
import { useMinute, useTidings } from "../state/react";
import { isSameNumber } from "../state/strangers";
import { Button } from "../ui/Button";
import { Confirm } from "../ui/Confirm";
import { ago } from "../ui/format";
import { t } from "../ui/i18n";
import { useDoing } from "./group/useDoing";
import { QrScanner } from "./QrScanner";
import { SafetyNumber } from "./SafetyNumber";

/** Whether a contact was verified, in a few words with a sign. */
export function VerifiedMark({ contact }: { contact: Contact }) {
  const now = useMinute();
  if (contact.verified_at_ms === undefined) return null;
  return (
    <span className="verified" title={t("verify.when", { when: ago(contact.verified_at_ms, now) })}>
      <BadgeCheck aria-hidden="true" />
      {t("verify.in-person")}
    </span>
  );
}

/** The safety number, its code, and the mark that both saw the same. */
export function Verification({ contact }: { contact: Contact }) {
  const { strangers } = useTidings();
  const { busy, act } = useDoing();
  const [scanning, setScanning] = useState(false);
  const [problem, setProblem] = useState<string>();
  const now = useMinute();
  const { name, safety_number: digits, verified_at_ms } = contact;
  const mark = () => act(() => strangers.verify(contact), t("verify.done", { name }));
  const read = (code: string) => {
    setScanning(false);
    if (isSameNumber(code, digits)) void mark();
    else setProblem(t("verify.differs"));
  };
  return (
    <section className="panel">
      <h2>{t("contact.safety")}</h2>
      <p className="fact" role="status">
        {verified_at_ms !== undefined && <BadgeCheck aria-hidden="true" />}
        <strong>{verified_at_ms === undefined ? t("verify.not") : t("verify.when", { when: ago(verified_at_ms, now) })}</strong>
      </p>
      <SafetyNumber name={name} digits={digits} />
      {digits !== "" && (
        <>
          <div className="qr">
            <img src={safetyCode(contact.contact, digits)} alt={t("verify.code", { name })} />
          </div>
          <p className="hint">{verified_at_ms === undefined ? t("verify.hint", { name }) : t("verify.bound")}</p>
          {problem && (
            <p className="problem" role="alert">
              {problem}
            </p>
          )}
          {scanning && <QrScanner onCode={read} onProblem={setProblem} />}
          <div className="dialog-actions">
            {verified_at_ms === undefined ? (
              <>
                <Button icon={<ScanLine />} disabled={busy} aria-expanded={scanning} onClick={() => setScanning(!scanning)}>
                  {t("verify.scan")}
                </Button>
                <Button tone="primary" icon={<BadgeCheck />} disabled={busy} onClick={() => void mark()}>
                  {t("verify.matches")}
                </Button>
              </>
            ) : (
              <Button disabled={busy} onClick={() => void act(() => strangers.unverify(contact))}>
                {t("verify.undo")}
              </Button>
            )}
          </div>
        </>
      )}
    </section>
  );
}

type BlockProps = { account: string; name: string; blocked: boolean };

/** Blocks somebody, or takes it back. */
export function BlockButton({ account, name, blocked }: BlockProps) {
  const { strangers } = useTidings();
  const { busy, act } = useDoing();
  const [asking, setAsking] = useState(false);
  if (blocked) {
    return (
      <Button icon={<Ban />} disabled={busy} onClick={() => void act(() => strangers.unblock(account))}>
        {t("block.undo")}
      </Button>
    );
  }
  return (
    <>
      <Button tone="danger" icon={<Ban />} disabled={busy} onClick={() => setAsking(true)}>
        {t("block.do")}
      </Button>
      {asking && (
        <Confirm
          title={t("block.title", { name })}
          text={t("block.means")}
          action={t("block.do")}
          onConfirm={() => act(() => strangers.block(account))}
          onClose={() => setAsking(false)}
        />
      )}
    </>
  );
}
