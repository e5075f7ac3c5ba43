import { Users } from "lucide-react";
import { pictureAddress } from "../api/groups";
import type { Conversation, Standing } from "../api/types";
import { loadDraft } from "../state/keep";
import type { Outgoing } from "../state/model";
import { useSelect } from "../state/react";
import { Avatar } from "../ui/Avatar";
import { moment, shortTime } from "../ui/format";
import { t } from "../ui/i18n";
import { StateIcon } from "../ui/StateIcon";
import type { Shown } from "../ui/StateIcon";
import { NavLink } from "./NavLink";

type Props = { conversation: Conversation; current: boolean; now: number };

export function ConversationRow({ conversation, current, now }: Props) {
  const { conversation: id, name, last_message: last, unread } = conversation;
  const face = faceOf(conversation);
  const members = conversation.members.length;
  const online = useSelect((state) => (conversation.direct && state.contacts?.[face]?.online) || false);
  const outgoing = useSelect((state) => state.outgoing.findLast((it) => it.conversation === id));
  const draft = current ? "" : loadDraft(sessionStorage, id);
  const at_ms = outgoing?.at_ms ?? last?.sent_at_ms ?? conversation.last_at_ms;

  return (
    <li>
      <NavLink to={{ page: "chat", id }} className="row" aria-current={current ? "page" : undefined}>
        <Avatar id={face} name={name} online={online} picture={pictureAddress(conversation)} />
        <span className="row-body">
          <span className="row-line">
            <strong className="row-title" dir="auto">
              {name}
            </strong>
            {!conversation.direct && members > 0 && (
              <span className="row-members" title={t("group.members-short", { count: members })}>
                <Users aria-hidden="true" />
                <span aria-hidden="true">{members}</span>
                <span className="visually-hidden">{t("group.members-short", { count: members })}</span>
              </span>
            )}
            {at_ms > 0 && (
              <time className="row-time" dateTime={new Date(at_ms).toISOString()} title={moment(at_ms)}>
                {shortTime(at_ms, now)}
              </time>
            )}
          </span>
          <span className="row-line">
            <Preview conversation={conversation} draft={draft} outgoing={outgoing} />
            {unread > 0 && (
              <span className="badge">
                <span aria-hidden="true">{unread > 999 ? "999+" : unread}</span>
                <span className="visually-hidden">{t("nav.unread", { count: unread })}</span>
              </span>
            )}
          </span>
        </span>
      </NavLink>
    </li>
  );
}

type PreviewProps = { conversation: Conversation; draft: string; outgoing: Outgoing | undefined };

/** One line of what is newest: a draft, a text on its way, or the last message. */
function Preview({ conversation, draft, outgoing }: PreviewProps) {
  const { last_message: last, direct, standing, refused } = conversation;
  const blocked = useSelect((state) => last !== undefined && !last.mine && state.blocked[last.sender] !== undefined);
  const stands = refused === undefined ? standings[standing] : "standing.refused-short";
  const apart = draft === "" && !outgoing ? stands : undefined;
  if (apart) return <span className="row-text row-none">{t(apart)}</span>;
  const hidden = blocked && draft === "" && !outgoing;
  if (hidden) return <span className="row-text row-none">{t("block.message")}</span>;
  const text = draft || outgoing?.text || last?.text;
  if (text === undefined) return <span className="row-text row-none">{t("chats.no-messages")}</span>;
  return (
    <span className="row-text">
      {draft !== "" && <em className="row-draft">{t("chats.draft")}</em>}
      {draft === "" && outgoing && <StateIcon state={outgoing.phase === "refused" ? "refused" : "sending"} />}
      {draft === "" && !outgoing && last?.mine && last.kind !== "system" && <StateIcon state={last.state as Shown} />}
      {draft === "" && !outgoing && last && !last.mine && !direct && last.kind !== "system" && <span className="row-author">{last.sender_name}:</span>}
      <span className="row-preview" dir="auto">
        {text.slice(0, 160)}
      </span>
    </span>
  );
}

/** What is said of a group that one is not simply in, before anything else. */
const standings = {
  member: undefined,
  joining: "standing.joining-short",
  removed: "standing.removed-short",
  left: "standing.left-short",
  coming_back: "standing.coming-back-short",
} as const satisfies Record<Standing, string | undefined>;

/** Whose face stands for a conversation: the other one's, or its own. */
export function faceOf({ conversation, direct, members }: Conversation): string {
  const other = direct ? members.find((it) => !it.me) : undefined;
  return other?.account ?? conversation;
}
