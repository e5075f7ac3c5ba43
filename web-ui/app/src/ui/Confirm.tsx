import { useState } from "react";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { t } from "./i18n";

type Props = { title: string; text: string; action: string; onConfirm: () => Promise<boolean>; onClose: () => void };

/** Asks before what cannot be taken back. `onConfirm` says whether it was done. */
export function Confirm({ title, text, action, onConfirm, onClose }: Props) {
  const [busy, setBusy] = useState(false);
  const confirm = async () => {
    setBusy(true);
    if (await onConfirm()) onClose();
    else setBusy(false);
  };
  return (
    <Dialog title={title} onClose={onClose} className="dialog-narrow">
      <p className="lead">{text}</p>
      <div className="dialog-actions">
        <Button onClick={onClose}>{t("dialog.cancel")}</Button>
        <Button tone="danger" disabled={busy} onClick={() => void confirm()}>
          {action}
        </Button>
      </div>
    </Dialog>
  );
}
