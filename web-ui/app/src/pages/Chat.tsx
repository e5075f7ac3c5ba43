import { Info, MessageCircleQuestion, X } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import { pictureAddress } from "../api/groups";
import type { Conversation, Message } from "../api/types";
import { AwayBanner } from "../components/AwayBanner";
import { Composer } from "../components/Composer";
import { faceOf } from "../components/ConversationRow";
import { GroupBanner } from "../components/GroupBanner";
import { MainHeader } from "../components/MainHeader";
import { MessageDetails } from "../components/MessageDetails";
import { MessageList } from "../components/MessageList";
import { NavLink } from "../components/NavLink";
import { NoComposer } from "../components/NoComposer";
import { VerifiedMark } from "../components/Verification";
import { useMedia, useSelect, useTidings } from "../state/react";
import { Avatar } from "../ui/Avatar";
import { IconButton } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { EmptyState } from "../ui/EmptyState";
import { t } from "../ui/i18n";
import { Spinner } from "../ui/Spinner";
import { ContactFacts } from "./Contact";
import { GroupFacts } from "./GroupFacts";

/** One conversation: its messages and the composer. */
export function Chat({ id }: { id: string }) {
  const conversation = useSelect((state) => state.conversations?.[id]);
  const known = useSelect((state) => state.conversations !== undefined);
  const { openConversation } = useTidings();
  const there = conversation !== undefined;
  useEffect(() => {
    if (there) void openConversation(id);
  }, [id, openConversation, there]);

  if (conversation) return <OpenChat key={id} conversation={conversation} />;
  if (!known) {
    return (
      <main className="main main-empty" id="main">
        <Spinner label={t("chat.loading")} />
      </main>
    );
  }
  return (
    <main className="main main-empty" id="main">
      <EmptyState level={1} icon={<MessageCircleQuestion />} title={t("chat.unknown-title")} text={t("chat.unknown")}>
        <NavLink to={{ page: "chats" }} className="button button-primary">
          <span>{t("chat.to-chats")}</span>
        </NavLink>
      </EmptyState>
    </main>
  );
}

function OpenChat({ conversation }: { conversation: Conversation }) {
  const id = conversation.conversation;
  const face = faceOf(conversation);
  const contact = useSelect((state) => (conversation.direct ? state.contacts?.[face] : undefined));
  const blank = useSelect((state) => state.timelines[id]?.messages.length === 0 && !state.outgoing.some((it) => it.conversation === id));
  const wide = useMedia("(min-width: 75rem)");
  const [replyTo, setReplyTo] = useState<Message>();
  const [detailed, setDetailed] = useState<Message>();
  const [about, setAbout] = useState(false);
  const cancelReply = useCallback(() => setReplyTo(undefined), []);
  const closeAbout = () => setAbout(false);
  const picture = pictureAddress(conversation);
  const joining = conversation.standing === "joining";
  const refused = conversation.refused !== undefined;
  const ofGroup = !conversation.direct && !joining && !refused ? <GroupFacts conversation={conversation} /> : undefined;
  const facts = conversation.direct ? contact && <ContactFacts contact={contact} /> : ofGroup;
  const factsTitle = conversation.direct ? t("chat.info") : t("group.details");

  const online = contact?.online ?? false;
  const below = conversation.direct
    ? online
      ? t("chat.online")
      : t("chat.offline")
    : refused
      ? t("standing.refused-short")
      : joining
        ? t("standing.joining-short")
        : [t("chat.members", { count: conversation.members.length }), conversation.topic].filter(Boolean).join(" · ");

  return (
    <>
      <main className="main chat" id="main">
        <MainHeader
          title={conversation.name}
          before={<Avatar id={face} name={conversation.name} online={online} picture={picture} />}
          onOpen={facts ? () => setAbout(!about) : undefined}
          below={
            <p className="presence" data-online={online} dir="auto">
              {below}
              {contact && <VerifiedMark contact={contact} />}
            </p>
          }
        >
          {facts && (
            <IconButton label={about ? t("chat.info-close") : factsTitle} aria-expanded={about} onClick={() => setAbout(!about)}>
              <Info />
            </IconButton>
          )}
        </MainHeader>
        <AwayBanner />
        {!conversation.direct && <GroupBanner conversation={conversation} onLook={() => setAbout(true)} />}
        {blank ? (
          <div className="messages main-empty">
            <EmptyState
              icon={<Avatar id={face} name={conversation.name} size="large" picture={picture} />}
              title={conversation.direct ? t("chat.empty-title", { name: conversation.name }) : conversation.name}
              text={refused ? t("chat.refused-empty") : conversation.direct ? t("chat.empty") : t("chat.group-empty")}
            />
          </div>
        ) : (
          <MessageList conversation={conversation} onReply={setReplyTo} onDetails={setDetailed} />
        )}
        {conversation.can_write ? (
          <Composer conversation={conversation} replyTo={replyTo} onCancelReply={cancelReply} />
        ) : (
          <NoComposer conversation={conversation} />
        )}
      </main>
      {about && facts && wide && (
        <aside className="aside" aria-label={factsTitle}>
          <header className="aside-header">
            <h2>{factsTitle}</h2>
            <IconButton label={t("chat.info-close")} onClick={closeAbout}>
              <X />
            </IconButton>
          </header>
          {facts}
        </aside>
      )}
      {about && facts && !wide && (
        <Dialog title={factsTitle} onClose={closeAbout} className="dialog-narrow">
          {facts}
        </Dialog>
      )}
      {detailed && <MessageDetails message={detailed} onClose={() => setDetailed(undefined)} />}
    </>
  );
}
