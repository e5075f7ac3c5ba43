import { Archive, CircleAlert } from "lucide-react";
import { useState } from "react";
import { useTidings } from "../state/react";
import { Button } from "../ui/Button";
import { bytes } from "../ui/format";
import { t } from "../ui/i18n";

/** All of the node in one file, sealed under a passphrase that is chosen for it. */
export function Backup() {
  const { client, toast } = useTidings();
  const [passphrase, setPassphrase] = useState("");
  const [again, setAgain] = useState("");
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);

  const make = async () => {
    if (passphrase === "" || passphrase !== again) {
      setProblem(passphrase === "" ? t("backup.empty") : t("backup.differ"));
      return;
    }
    setBusy(true);
    setProblem(undefined);
    try {
      const file = await client.backup(passphrase);
      download(file, `tidings-${new Date().toISOString().slice(0, 10)}.backup`);
      setPassphrase("");
      setAgain("");
      toast("info", t("backup.made", { size: bytes(file.size) }));
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };

  const field = (id: string, label: string, value: string, set: (value: string) => void) => (
    <>
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        className="field"
        type="password"
        autoComplete="new-password"
        value={value}
        aria-invalid={problem !== undefined}
        aria-describedby={problem ? "backup-problem backup-hint" : "backup-hint"}
        onInput={(event) => {
          set(event.currentTarget.value);
          setProblem(undefined);
        }}
      />
    </>
  );

  return (
    <form
      className="panel form"
      aria-labelledby="backup-title"
      onSubmit={(event) => {
        event.preventDefault();
        void make();
      }}
    >
      <h2 id="backup-title">{t("backup.title")}</h2>
      <p className="hint" id="backup-hint">
        {t("backup.hint")}
      </p>
      {field("backup-passphrase", t("backup.passphrase"), passphrase, setPassphrase)}
      {field("backup-again", t("backup.again"), again, setAgain)}
      {problem && (
        <p id="backup-problem" className="problem" role="alert">
          <CircleAlert aria-hidden="true" />
          {problem}
        </p>
      )}
      <div className="form-actions">
        <Button type="submit" icon={<Archive />} disabled={busy}>
          {busy ? t("backup.busy") : t("backup.make")}
        </Button>
      </div>
    </form>
  );
}

function download(file: Blob, name: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  // The browser reads it when the click is over.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
