import { CloudOff } from "lucide-react";
import { useSelect, useTidings } from "../state/react";
import { t } from "../ui/i18n";

/** Says that the node is away and what that means. */
export function AwayBanner() {
  const { wake } = useTidings();
  const away = useSelect((state) => state.link === "away");
  const waiting = useSelect((state) => state.outgoing.filter((it) => it.phase !== "refused").length);
  return (
    <div role="status" className="banner-slot">
      {away && (
        <div className="banner">
          <CloudOff aria-hidden="true" />
          <p>{waiting > 0 ? t("banner.away-queued", { count: waiting }) : t("banner.away")}</p>
          <button type="button" className="link" onClick={wake}>
            {t("banner.retry")}
          </button>
        </div>
      )}
    </div>
  );
}
