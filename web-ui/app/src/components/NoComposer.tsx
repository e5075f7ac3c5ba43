import { LockKeyhole } from "lucide-react";
import type { Conversation } from "../api/types";
import { useSelect } from "../state/react";
import { t } from "../ui/i18n";

/** What stands where one would write, and why one cannot. */
export function NoComposer({ conversation }: { conversation: Conversation }) {
  const { direct, members } = conversation;
  const blocked = useSelect((state) => direct && members.some((it) => state.blocked[it.account] !== undefined));
  return (
    <div className="composer composer-off">
      <p role="status">
        <LockKeyhole aria-hidden="true" />
        <span dir="auto">{blocked ? t("block.cannot-write") : why(conversation)}</span>
      </p>
    </div>
  );
}

function why({ standing, my_role, refused }: Conversation): string {
  if (refused !== undefined) return t("standing.refused", { why: refused });
  switch (standing) {
    case "joining":
      return t("standing.joining");
    case "removed":
      return t("standing.removed");
    case "left":
      return t("standing.left");
    case "coming_back":
      return t("standing.coming-back");
    case "member":
      return my_role === "read_only" ? t("standing.read-only") : t("standing.cannot-write");
  }
}
