import { CircleAlert, CircleCheck, X } from "lucide-react";
import { useEffect, useRef } from "react";
import { useSelect, useTidings } from "../state/react";
import { IconButton } from "../ui/Button";
import { t } from "../ui/i18n";

export function Toasts() {
  const { store } = useTidings();
  const toasts = useSelect((state) => state.toasts);
  const region = useRef<HTMLElement>(null);
  // Shown again with each notice: a popover stands above the dialogs that were open before it.
  useEffect(() => {
    region.current?.hidePopover();
    region.current?.showPopover();
  }, [toasts]);
  return (
    <section ref={region} popover="manual" className="toasts" aria-label={t("toast.region")} aria-live="polite">
      {toasts.map((toast) => (
        <div key={toast.id} className="toast" data-tone={toast.tone} role={toast.tone === "error" ? "alert" : undefined}>
          {toast.tone === "error" ? <CircleAlert aria-hidden="true" /> : <CircleCheck aria-hidden="true" />}
          <p>{toast.text}</p>
          <IconButton label={t("toast.dismiss")} onClick={() => store.dispatch({ type: "toast-gone", id: toast.id })}>
            <X />
          </IconButton>
        </div>
      ))}
    </section>
  );
}
