import { useSelect } from "../state/react";
import { t } from "../ui/i18n";

/** How the page stands with the node, and the node with the world. */
export function LinkStatus() {
  const link = useSelect((state) => state.link);
  const peers = useSelect((state) => state.status?.peers.length);
  const tone = link !== "live" ? link : peers === 0 ? "alone" : "live";
  const words = {
    live: () => t("link.live", { count: peers ?? 0 }),
    alone: () => t("link.alone"),
    connecting: () => t("link.connecting"),
    away: () => t("link.away"),
  };
  return (
    <p className="link-status" data-tone={peers === undefined && link === "live" ? "connecting" : tone} role="status">
      <span className="link-dot" aria-hidden="true" />
      {peers === undefined && link === "live" ? t("link.connecting") : words[tone]()}
    </p>
  );
}
