import { Inbox, MessageCircle, MessagesSquare, Search, SquarePen, UserPlus, X } from "lucide-react";
import { useState } from "react";
import { ConversationRow } from "../components/ConversationRow";
import { LinkStatus } from "../components/LinkStatus";
import { NavLink } from "../components/NavLink";
import { NewConversation } from "../components/NewConversation";
import { useMinute, useSelect } from "../state/react";
import { IconButton } from "../ui/Button";
import { EmptyState } from "../ui/EmptyState";
import { t } from "../ui/i18n";

/** The list of conversations, the newest first. */
export function Chats({ current, requests = false }: { current?: string | undefined; requests?: boolean }) {
  const waiting = useSelect((state) => state.requests?.length ?? 0);
  const known = useSelect((state) => state.conversations);
  const now = useMinute();
  const [query, setQuery] = useState("");
  const [choosing, setChoosing] = useState(false);

  const conversations = Object.values(known ?? {}).toSorted((a, b) => b.last_at_ms - a.last_at_ms);
  const wanted = query.trim().toLocaleLowerCase();
  const found = conversations.filter((it) => it.name.toLocaleLowerCase().includes(wanted));

  return (
    <>
      <header className="list-header">
        <div className="list-heading">
          <h1>{t("chats.title")}</h1>
          <LinkStatus />
        </div>
        <IconButton label={t("chats.new")} onClick={() => setChoosing(true)}>
          <SquarePen />
        </IconButton>
      </header>
      {conversations.length > 0 && (
        <div className="search">
          <Search aria-hidden="true" />
          <input
            type="search"
            placeholder={t("chats.search")}
            aria-label={t("chats.search")}
            value={query}
            onInput={(event) => setQuery(event.currentTarget.value)}
            onKeyDown={(event) => event.key === "Escape" && setQuery("")}
          />
          {query !== "" && (
            <IconButton label={t("dialog.close")} onClick={() => setQuery("")}>
              <X />
            </IconButton>
          )}
        </div>
      )}
      <nav className="list-scroll" aria-label={t("chats.list")}>
        {!known && <RowsToCome />}
        {known && conversations.length === 0 && (
          <EmptyState icon={<MessagesSquare />} title={t("chats.none-title")} text={t("chats.none")}>
            <NavLink to={{ page: "add" }} className="button button-primary">
              <UserPlus />
              <span>{t("contacts.add")}</span>
            </NavLink>
            <NavLink to={{ page: "card" }} className="button button-quiet">
              <span>{t("contacts.card")}</span>
            </NavLink>
          </EmptyState>
        )}
        {conversations.length > 0 && found.length === 0 && <p className="list-none">{t("chats.no-match", { query })}</p>}
        {(waiting > 0 || requests) && (
          <ul role="list" className="rows rows-actions">
            <li>
              <NavLink to={{ page: "requests" }} className="row" aria-current={requests ? "page" : undefined}>
                <span className="row-icon">
                  <Inbox />
                </span>
                <span className="row-body">
                  <span className="row-title">{t("strangers.title")}</span>
                  {waiting > 0 && <span className="row-text">{t("strangers.count", { count: waiting })}</span>}
                </span>
              </NavLink>
            </li>
          </ul>
        )}
        <ul role="list" className="rows">
          {found.map((it) => (
            <ConversationRow key={it.conversation} conversation={it} current={it.conversation === current} now={now} />
          ))}
        </ul>
      </nav>
      {choosing && <NewConversation onClose={() => setChoosing(false)} />}
    </>
  );
}

/** The shape of rows, until they are read. */
export function RowsToCome() {
  return (
    <div className="to-come" aria-hidden="true">
      {[0, 1, 2, 3].map((it) => (
        <div key={it} className="to-come-row">
          <span className="to-come-face" />
          <span className="to-come-lines" />
        </div>
      ))}
    </div>
  );
}

/** The main pane while no conversation is open. */
export function NoChat() {
  const known = useSelect((state) => state.conversations);
  const mac = /Mac|iPhone|iPad/.test(navigator.userAgent);
  const keys = mac ? "⌘ K" : "Ctrl K";
  const some = known && Object.keys(known).length > 0;
  return (
    <main className="main main-empty" id="main">
      <EmptyState
        icon={<MessageCircle />}
        title={some ? t("chats.pick-title") : t("chats.welcome-title")}
        text={some ? t("chats.pick") : t("chats.encrypted")}
      >
        {some && <kbd>{keys}</kbd>}
      </EmptyState>
    </main>
  );
}
