import { LogOut } from "lucide-react";
import { useState } from "react";
import type { Group } from "../../api/types";
import { useTidings } from "../../state/react";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { t } from "../../ui/i18n";
import { useDoing } from "./useDoing";

/** Leaving, once it is said what that means. */
export function Leave({ group }: { group: Group }) {
  const { conversation } = group;
  const { groups } = useTidings();
  const { act } = useDoing();
  const [asking, setAsking] = useState(false);
  const { members } = conversation;
  const lastOwner = conversation.my_role === "owner" && members.length > 1 && !members.some((it) => !it.me && it.role === "owner");
  return (
    <section className="panel">
      <Button tone="danger" icon={<LogOut />} onClick={() => setAsking(true)}>
        {t("leave.action")}
      </Button>
      {asking && (
        <Confirm
          title={t("leave.title", { name: conversation.name })}
          text={lastOwner ? `${t("leave.means")} ${t("leave.last-owner")}` : t("leave.means")}
          action={t("leave.action")}
          onConfirm={() => act(() => groups.leave(conversation.conversation))}
          onClose={() => setAsking(false)}
        />
      )}
    </section>
  );
}
