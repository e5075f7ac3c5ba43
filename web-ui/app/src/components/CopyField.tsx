import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { useTidings } from "../state/react";
import { Button } from "../ui/Button";
import { t } from "../ui/i18n";

type Props = { value: string; label: string; action: string; primary?: boolean };

/** A value that is to be taken elsewhere, and the button that takes it. */
export function CopyField({ value, label, action, primary = false }: Props) {
  const { toast } = useTidings();
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      setCopied(true);
      setTimeout(() => setCopied(false), 2_000);
    } catch {
      toast("error", t("copy.failed"));
    }
  };
  return (
    <div className="copy-field">
      <input
        type="text"
        readOnly
        value={value}
        aria-label={label}
        dir="ltr"
        onFocus={(event) => event.currentTarget.select()}
      />
      <Button
        tone={primary ? "primary" : "quiet"}
        icon={copied ? <Check /> : <Copy />}
        aria-label={primary ? undefined : action}
        onClick={() => void copy()}
      >
        {copied ? t("copy.done") : primary ? action : t("copy.do")}
      </Button>
      <span className="visually-hidden" role="status">
        {copied ? t("copy.done") : ""}
      </span>
    </div>
  );
}
