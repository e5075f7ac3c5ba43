import { MessageCircle, Settings as Cog, TriangleAlert, Users } from "lucide-react";
import { Component, useEffect, useState } from "react";
import type { ReactNode } from "react";
import { NavLink } from "../components/NavLink";
import { QuickSwitcher } from "../components/QuickSwitcher";
import { Toasts } from "../components/Toasts";
import { AddContact } from "../pages/AddContact";
import { Chat } from "../pages/Chat";
import { Chats, NoChat } from "../pages/Chats";
import { Contact } from "../pages/Contact";
import { Contacts, NoContact } from "../pages/Contacts";
import { JoinGroup } from "../pages/JoinGroup";
import { MyCard } from "../pages/MyCard";
import { Requests } from "../pages/Requests";
import { Settings, SettingsPane } from "../pages/Settings";
import { SignIn } from "../pages/SignIn";
import type { CameBack } from "../state/elsewhere";
import { navigate, useMedia, useRoute, useSelect, useTidings } from "../state/react";
import { area, opensMain, parent } from "../state/routes";
import type { Route } from "../state/routes";
import { Button } from "../ui/Button";
import { EmptyState } from "../ui/EmptyState";
import { t } from "../ui/i18n";
import { Logo } from "../ui/Logo";

export type Arrival = { token: string | undefined; came: CameBack | undefined };

/** The whole page: signs in, or shows the panes that the address asks for. */
export function App({ token, came }: Arrival) {
  const tidings = useTidings();
  const session = useSelect((state) => state.session);
  const [signing, setSigning] = useState<"no" | "checking" | "failed">(token === undefined ? "no" : "checking");
  const [problem, setProblem] = useState<string>();

  useEffect(() => {
    if (token === undefined) {
      void tidings.start();
      return;
    }
    tidings.signIn(token).then(
      () => setSigning("no"),
      (error: unknown) => {
        setProblem(error instanceof Error ? error.message : String(error));
        setSigning("failed");
        // The browser may hold a session all the same.
        void tidings.start();
      },
    );
  }, [tidings, token]);
  useEffect(() => {
    if (came !== undefined) void tidings.elsewhere.finish(came);
  }, [tidings, came]);

  if (session === "signed-in") return <Panes />;
  const progress = session === "unknown" && signing !== "checking" ? "asking" : signing === "no" ? "needed" : signing;
  return (
    <>
      <SignIn progress={progress} problem={problem} />
      <Toasts />
    </>
  );
}

function Panes() {
  const { wake } = useTidings();
  const route = useRoute();
  const wide = useMedia("(min-width: 45rem)");
  const [switching, setSwitching] = useState(false);
  const unread = useSelect((state) => Object.values(state.conversations ?? {}).reduce((sum, it) => sum + it.unread, 0));
  const waiting = useSelect((state) => state.outgoing.length > 0);

  useEffect(() => {
    document.title = unread > 0 ? t("app.unread-title", { count: unread }) : t("app.name");
  }, [unread]);

  useEffect(() => {
    if (route.page === "missing") navigate({ page: "chats" }, "replace");
    // On a wide window the settings open with their first section.
    if (wide && route.page === "settings" && !route.section) navigate({ page: "settings", section: "profile" }, "replace");
  }, [route, wide]);

  useEffect(() => {
    const visible = () => document.visibilityState === "visible" && wake();
    window.addEventListener("online", wake);
    document.addEventListener("visibilitychange", visible);
    return () => {
      window.removeEventListener("online", wake);
      document.removeEventListener("visibilitychange", visible);
    };
  }, [wake]);

  useEffect(() => {
    if (!waiting) return undefined;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [waiting]);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
        event.preventDefault();
        setSwitching(true);
      } else if (event.key === "Escape" && !event.defaultPrevented && !document.querySelector("dialog[open]")) {
        if (opensMain(route)) navigate(parent(route));
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [route]);

  const main = opensMain(route);
  return (
    <div className="panes" data-main={main}>
      <a className="skip" href="#main">
        {t("nav.skip")}
      </a>
      <Rail current={area(route)} unread={unread} />
      {wide && (
        <section className="list" aria-label={t(`nav.${area(route)}`)}>
          {listOf(route)}
        </section>
      )}
      {!wide && !main && (
        <main className="list" id="main">
          {listOf(route)}
        </main>
      )}
      {(wide || main) && (mainOf(route) ?? <main className="main" id="main" />)}
      {switching && <QuickSwitcher onClose={() => setSwitching(false)} />}
      <Toasts />
    </div>
  );
}

function Rail({ current, unread }: { current: ReturnType<typeof area>; unread: number }) {
  const places = [
    { page: "chats", icon: <MessageCircle />, label: t("nav.chats"), count: unread },
    { page: "contacts", icon: <Users />, label: t("nav.contacts"), count: 0 },
    { page: "settings", icon: <Cog />, label: t("nav.settings"), count: 0 },
  ] as const;
  return (
    <nav className="rail" aria-label={t("nav.label")}>
      <Logo size={36} />
      {places.map((it) => (
        <NavLink key={it.page} to={{ page: it.page }} className="rail-link" aria-current={it.page === current ? "true" : undefined}>
          <span className="rail-icon">
            {it.icon}
            {it.count > 0 && <span className="rail-badge" aria-hidden="true">{it.count > 99 ? "99+" : it.count}</span>}
          </span>
          <span className="rail-label">{it.label}</span>
          {it.count > 0 && <span className="visually-hidden">{t("nav.unread", { count: it.count })}</span>}
        </NavLink>
      ))}
    </nav>
  );
}

function listOf(route: Route) {
  switch (area(route)) {
    case "contacts":
      return <Contacts route={route} />;
    case "settings":
      return <Settings section={route.page === "settings" ? route.section : undefined} />;
    case "chats":
      return <Chats current={route.page === "chat" ? route.id : undefined} requests={route.page === "requests"} />;
  }
}

function mainOf(route: Route) {
  switch (route.page) {
    case "chat":
      return <Chat id={route.id} />;
    case "join":
      return <JoinGroup />;
    case "requests":
      return <Requests />;
    case "contact":
      return <Contact id={route.id} />;
    case "contacts":
      return <NoContact />;
    case "add":
      return <AddContact />;
    case "card":
      return <MyCard />;
    case "settings":
      return route.section ? <SettingsPane section={route.section} /> : null;
    default:
      return <NoChat />;
  }
}

/** What is left when a component fails: a sentence and a way on. */
export class Crash extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };
  static getDerivedStateFromError() {
    return { broken: true };
  }
  override render() {
    if (!this.state.broken) return this.props.children;
    return (
      <main className="splash">
        <EmptyState icon={<TriangleAlert />} title={t("crash.title")} text={t("crash.hint")}>
          <Button tone="primary" onClick={() => location.reload()}>
            {t("crash.reload")}
          </Button>
        </EmptyState>
      </main>
    );
  }
}
