import { RefreshCw, UserRoundPlus } from "lucide-react";
import { useEffect } from "react";
import type { Conversation } from "../api/types";
import { offers } from "../state/offers";
import { useSelect, useTidings } from "../state/react";
import { t } from "../ui/i18n";

type Props = { conversation: Conversation; onLook: () => void };

/** What about a group wants to be known while one reads it: who asks to join, and that this node lost touch. */
export function GroupBanner({ conversation, onLook }: Props) {
  const id = conversation.conversation;
  const { groups } = useTidings();
  const group = useSelect((state) => state.groups[id]);
  const inIt = conversation.standing === "member";
  useEffect(() => {
    if (inIt) void groups.open(id);
  }, [groups, id, inIt]);
  const asking = group && offers(group).decide ? group.requests.length : 0;
  const comingBack = conversation.standing === "coming_back" && conversation.can_write;
  return (
    <div role="status" className="banner-slot">
      {comingBack && (
        <div className="banner">
          <RefreshCw aria-hidden="true" />
          <p>{t("standing.coming-back")}</p>
        </div>
      )}
      {asking > 0 && (
        <div className="banner banner-quiet">
          <UserRoundPlus aria-hidden="true" />
          <p>{t("requests.banner", { count: asking })}</p>
          <button type="button" className="link" onClick={onLook}>
            {t("requests.look")}
          </button>
        </div>
      )}
    </div>
  );
}
