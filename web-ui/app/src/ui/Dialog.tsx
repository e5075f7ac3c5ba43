import { X } from "lucide-react";
import { useEffect, useId, useRef } from "react";
import type { MouseEvent, ReactNode } from "react";
import { IconButton } from "./Button";
import { t } from "./i18n";

type Props = { title: string; onClose: () => void; children: ReactNode; className?: string; bare?: boolean };

/** A modal dialog. The platform's own element keeps the focus inside, closes on Escape and gives the focus back. */
export function Dialog({ title, onClose, children, className = "", bare = false }: Props) {
  const ref = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  const outside = (event: MouseEvent) => {
    if (event.target === ref.current) onClose();
  };
  return (
    <dialog
      ref={ref}
      className={`dialog ${className}`}
      aria-labelledby={heading}
      onMouseDown={outside}
      onCancel={(event) => {
        // A file field and a dialog within this one have a cancel of their own.
        if (event.target !== ref.current) return;
        event.preventDefault();
        onClose();
      }}
    >
      <div className="dialog-body">
        <header className={bare ? "visually-hidden" : "dialog-header"}>
          <h2 id={heading}>{title}</h2>
          {!bare && (
            <IconButton label={t("dialog.close")} onClick={onClose}>
              <X />
            </IconButton>
          )}
        </header>
        {children}
      </div>
    </dialog>
  );
}
