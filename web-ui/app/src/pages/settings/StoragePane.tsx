import { useEffect, useId, useState } from "react";
import type { Storage, StorageLimits } from "../../api/types";
import { MainHeader } from "../../components/MainHeader";
import { useTidings } from "../../state/react";
import { asGib, forgetsMore, keepChoices, parseDays, parseGib } from "../../state/storage";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { bytes } from "../../ui/format";
import { t } from "../../ui/i18n";
import { Select } from "../../ui/Select";
import { Spinner } from "../../ui/Spinner";

/** What the node keeps, and what its owner lets it keep. */
export function StoragePane() {
  const { client, failed, toast } = useTidings();
  const [storage, setStorage] = useState<Storage>();
  const [asked, setAsked] = useState<StorageLimits>();

  useEffect(() => {
    client.storage().then(setStorage, failed);
  }, [client, failed]);

  const set = async (limits: StorageLimits) => {
    setAsked(undefined);
    try {
      setStorage(await client.setStorage(limits));
      toast("info", t("storage.saved"));
    } catch (error) {
      failed(error);
    }
  };

  return (
    <main className="main" id="main">
      <MainHeader title={t("settings.storage")} />
      <div className="page">
        {storage ? (
          <>
            <Kept storage={storage} />
            <Limits
              // What was saved is shown as it was taken.
              key={JSON.stringify(storage.limits)}
              limits={storage.limits}
              onSave={(limits) => (forgetsMore(storage.limits, limits) ? setAsked(limits) : void set(limits))}
            />
          </>
        ) : (
          <Spinner label={t("app.loading")} />
        )}
      </div>
      {asked?.keep_days !== undefined && (
        <Dialog title={t("storage.confirm")} onClose={() => setAsked(undefined)} className="dialog-narrow">
          <p className="lead">{t("storage.confirm-hint", { count: asked.keep_days })}</p>
          <div className="dialog-actions">
            <Button onClick={() => setAsked(undefined)}>{t("dialog.cancel")}</Button>
            <Button tone="danger" onClick={() => void set(asked)}>
              {t("storage.confirm-do")}
            </Button>
          </div>
        </Dialog>
      )}
    </main>
  );
}

function Kept({ storage }: { storage: Storage }) {
  return (
    <section className="panel">
      <h2>{t("storage.kept")}</h2>
      <dl className="facts facts-wide">
        <Fact name={t("storage.database")} value={bytes(storage.database_bytes)} hint={free(storage)} />
        <Fact name={t("storage.messages")} value={storage.messages.toLocaleString()} />
        <Fact name={t("storage.held")} value={bytes(storage.held_bytes)} hint={of(storage.limits.held_bytes_max)} />
        <Fact name={t("storage.mailbox")} value={bytes(storage.mailbox_bytes)} hint={of(storage.limits.mailbox_bytes_max)} />
      </dl>
    </section>
  );
}

const free = (storage: Storage) => t("storage.free", { size: bytes(storage.free_bytes) });
const of = (max: number) => t("storage.of", { size: bytes(max) });

function Fact({ name, value, hint }: { name: string; value: string; hint?: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>
        {value}
        {hint !== undefined && <span className="hint"> {hint}</span>}
      </dd>
    </>
  );
}

function Limits({ limits, onSave }: { limits: StorageLimits; onSave: (limits: StorageLimits) => void }) {
  const [keep, setKeep] = useState(String(limits.keep_days ?? "ever"));
  const [held, setHeld] = useState(asGib(limits.held_bytes_max));
  const [mailbox, setMailbox] = useState(asGib(limits.mailbox_bytes_max));
  const [problem, setProblem] = useState<string>();

  const save = () => {
    const [held_bytes_max, mailbox_bytes_max] = [parseGib(held), parseGib(mailbox)];
    if (held_bytes_max === undefined || mailbox_bytes_max === undefined) return setProblem(t("storage.no-size"));
    setProblem(undefined);
    const keep_days = parseDays(keep);
    onSave({ held_bytes_max, mailbox_bytes_max, ...(keep_days !== undefined && { keep_days }) });
  };

  const choices = keepChoices(limits.keep_days).map((days) => ({
    value: String(days ?? "ever"),
    text: days === undefined ? t("storage.ever") : t("storage.days", { count: days }),
  }));
  return (
    <form
      className="panel form"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <h2>{t("storage.limits")}</h2>
      <Select label={t("storage.keep")} value={keep} options={choices} onChange={setKeep} />
      <p className="hint">{t("storage.keep-hint")}</p>
      <Size label={t("storage.held-max")} hint={t("storage.held-hint")} value={held} onChange={setHeld} />
      <Size label={t("storage.mailbox-max")} hint={t("storage.mailbox-hint")} value={mailbox} onChange={setMailbox} />
      <div role="alert">{problem !== undefined && <p className="problem">{problem}</p>}</div>
      <div className="form-actions">
        <Button tone="primary" type="submit">
          {t("storage.save")}
        </Button>
      </div>
    </form>
  );
}

type SizeProps = { label: string; hint: string; value: string; onChange: (value: string) => void };

function Size({ label, hint, value, onChange }: SizeProps) {
  const [id, hintId] = [useId(), useId()];
  return (
    <>
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        className="field"
        inputMode="decimal"
        autoComplete="off"
        aria-describedby={hintId}
        value={value}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
      <p className="hint" id={hintId}>
        {hint}
      </p>
    </>
  );
}
