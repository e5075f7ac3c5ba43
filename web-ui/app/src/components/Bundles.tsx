import { PackageOpen } from "lucide-react";
import { type ChangeEvent, useRef, useState } from "react";
import type { BundleTaken } from "../api/types";
import { useTidings } from "../state/react";
import { Button } from "../ui/Button";
import { t } from "../ui/i18n";

/** What is undelivered, as a file that somebody carries, and such a file brought in. */
export function Bundles() {
  const { client, failed } = useTidings();
  const input = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  const [taken, setTaken] = useState<BundleTaken>();

  const bring = async (event: ChangeEvent<HTMLInputElement>) => {
    const file = event.target.files?.[0];
    event.target.value = "";
    if (!file) return;
    setBusy(true);
    setTaken(undefined);
    try {
      setTaken(await client.bundleIn(file));
    } catch (error) {
      failed(error);
    } finally {
      setBusy(false);
    }
  };

  return (
    <section className="panel form">
      <h2>{t("bundle.title")}</h2>
      <p className="hint">{t("bundle.hint")}</p>
      <div className="form-actions">
        <a className="button button-quiet" href="/api/v1/bundle" download="tidings.bundle">
          <span>{t("bundle.out")}</span>
        </a>
        <Button icon={<PackageOpen />} disabled={busy} onClick={() => input.current?.click()}>
          {t("bundle.in")}
        </Button>
        <input ref={input} type="file" hidden aria-label={t("bundle.in")} onChange={(event) => void bring(event)} />
      </div>
      {taken && (
        <p className="hint" role="status">
          {t("bundle.taken", { new: taken.new, known: taken.known })}
          {taken.later > 0 && ` ${t("bundle.later", { count: taken.later })}`}
          {taken.others > 0 && ` ${t("bundle.others", { count: taken.others })}`}
        </p>
      )}
    </section>
  );
}
