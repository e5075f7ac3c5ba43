import { ChevronRight, UserPlus } from "lucide-react";
import { useState } from "react";
import type { Group, Member } from "../../api/types";
import type { Offers } from "../../state/offers";
import { useSelect } from "../../state/react";
import { Avatar } from "../../ui/Avatar";
import { Button } from "../../ui/Button";
import { t } from "../../ui/i18n";
import { AddMembers } from "./AddMembers";
import { MemberCard } from "./MemberCard";

type Props = { group: Group; may: Offers };

const rank: Record<Member["role"], number> = { owner: 0, admin: 1, member: 2, read_only: 3 };

/** Everybody in the group, the most powerful first; each leads to what can be done about them. */
export function Members({ group, may }: Props) {
  const { conversation } = group;
  const contacts = useSelect((state) => state.contacts);
  const [adding, setAdding] = useState(false);
  const [shown, setShown] = useState<string>();
  const members = conversation.members.toSorted(
    (a, b) => rank[a.role] - rank[b.role] || Number(b.me) - Number(a.me) || a.name.localeCompare(b.name),
  );
  const member = members.find((it) => it.account === shown);
  return (
    <section className="panel">
      <h2>{t("chat.members", { count: members.length })}</h2>
      <ul role="list" className="members">
        {members.map((it) => (
          <li key={it.account}>
            <button type="button" className="row" onClick={() => setShown(it.account)}>
              <Avatar id={it.account} name={it.name} size="small" online={!it.me && (contacts?.[it.account]?.online ?? false)} />
              <span className="row-title" dir="auto">
                {it.me ? t("message.you") : it.name}
              </span>
              {it.role !== "member" && <span className="tag">{t(`role.${it.role}`)}</span>}
              <ChevronRight className="flips row-more" aria-hidden="true" />
            </button>
          </li>
        ))}
      </ul>
      {may.invite && (
        <Button icon={<UserPlus />} onClick={() => setAdding(true)}>
          {t("group.add")}
        </Button>
      )}
      {adding && <AddMembers conversation={conversation} onClose={() => setAdding(false)} />}
      {member && <MemberCard group={group} member={member} may={may} onClose={() => setShown(undefined)} />}
    </section>
  );
}
