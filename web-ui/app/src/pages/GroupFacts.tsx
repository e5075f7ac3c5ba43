import { CircleX, Clock, Pencil } from "lucide-react";
import { useEffect, useState } from "react";
import type { ReactNode } from "react";
import { pictureAddress } from "../api/groups";
import type { Conversation } from "../api/types";
import { EditGroup } from "../components/group/EditGroup";
import { Encryption } from "../components/group/Encryption";
import { Invites } from "../components/group/Invites";
import { Leave } from "../components/group/Leave";
import { Members } from "../components/group/Members";
import { Requests } from "../components/group/Requests";
import { Rules } from "../components/group/Rules";
import { offers } from "../state/offers";
import { useSelect, useTidings } from "../state/react";
import { Avatar } from "../ui/Avatar";
import { Button } from "../ui/Button";
import { t } from "../ui/i18n";
import { Spinner } from "../ui/Spinner";

/** Everything about a group: who is in it, how others join it, what its members agreed on. */
export function GroupFacts({ conversation }: { conversation: Conversation }) {
  const id = conversation.conversation;
  const { groups } = useTidings();
  const group = useSelect((state) => state.groups[id]);
  const [editing, setEditing] = useState(false);
  const inIt = conversation.standing === "member" || conversation.standing === "coming_back";
  useEffect(() => {
    if (inIt) void groups.open(id);
  }, [groups, id, inIt]);
  const may = group && offers(group);
  return (
    <div className="contact group">
      <div className="contact-head">
        <Avatar id={id} name={conversation.name} size="huge" picture={pictureAddress(conversation)} />
        <p className="contact-name" dir="auto">
          {conversation.name}
        </p>
        {conversation.topic !== "" && (
          <p className="group-topic" dir="auto">
            {conversation.topic}
          </p>
        )}
        {may?.edit && (
          <Button icon={<Pencil />} onClick={() => setEditing(true)}>
            {t("group.edit")}
          </Button>
        )}
      </div>
      {!inIt && <LastKnown conversation={conversation} />}
      {inIt && (!group || !may) && <Spinner label={t("app.loading")} />}
      {inIt && group && may && (
        <>
          <Wishes title={t("group.pending")} means={t("group.pending-means")} icon={<Clock aria-hidden="true" />} wishes={group.pending} />
          <Wishes title={t("group.given-up")} means={t("group.given-up-means")} icon={<CircleX aria-hidden="true" />} wishes={group.given_up} />
          <Requests group={group} may={may} />
          <Members group={group} may={may} />
          <Invites group={group} may={may} />
          <Rules group={group} may={may} />
          <Encryption group={group} />
          <Leave group={group} />
        </>
      )}
      {editing && group && <EditGroup group={group} onClose={() => setEditing(false)} />}
    </div>
  );
}

type WishesProps = { title: string; means: string; icon: ReactNode; wishes: string[] };

/** What one changed that is not so on every member's node: being made again, or given up. */
function Wishes({ title, means, icon, wishes }: WishesProps) {
  if (wishes.length === 0) return null;
  return (
    <section className="panel">
      <h2>{title}</h2>
      <ul role="list" className="pending">
        {wishes.map((it) => (
          <li key={it}>
            {icon}
            <span dir="auto">{it}</span>
          </li>
        ))}
      </ul>
      <p className="hint">{means}</p>
    </section>
  );
}

/** Who was in a group when one was last in it oneself. */
function LastKnown({ conversation }: { conversation: Conversation }) {
  return (
    <section className="panel">
      <h2>{t("group.last-known")}</h2>
      <ul role="list" className="members">
        {conversation.members.map((it) => (
          <li key={it.account} className="row">
            <Avatar id={it.account} name={it.name} size="small" />
            <span className="row-title" dir="auto">
              {it.me ? t("message.you") : it.name}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
