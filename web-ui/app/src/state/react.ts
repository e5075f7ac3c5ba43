// How screens read the state and the address, and act on them.
import { createContext, useContext, useEffect, useRef, useState, useSyncExternalStore } from "react";
import type { State } from "./model";
import { format, parse } from "./routes";
import type { Route } from "./routes";
import type { Tidings } from "./tidings";

const Context = createContext<Tidings | null>(null);

export const TidingsProvider = Context.Provider;

export function useTidings(): Tidings {
  const tidings = useContext(Context);
  if (!tidings) throw new Error("no TidingsProvider above this component");
  return tidings;
}

/** A part of the state; the component renders again when that part is another value. */
export function useSelect<T>(select: (state: State) => T): T {
  const { store } = useTidings();
  return useSyncExternalStore(store.subscribe, () => select(store.get()));
}

const moved = "tidings:moved";

export function navigate(route: Route, how: "push" | "replace" = "push"): void {
  const path = format(route);
  if (path === location.pathname) return;
  if (how === "push") history.pushState(null, "", path);
  else history.replaceState(null, "", path);
  window.dispatchEvent(new Event(moved));
}

const path = () => location.pathname;

function onMove(listener: () => void): () => void {
  window.addEventListener("popstate", listener);
  window.addEventListener(moved, listener);
  return () => {
    window.removeEventListener("popstate", listener);
    window.removeEventListener(moved, listener);
  };
}

export function useRoute(): Route {
  return parse(useSyncExternalStore(onMove, path));
}

/** True while the media query holds. */
export function useMedia(query: string): boolean {
  const [holds, setHolds] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const changed = () => setHolds(list.matches);
    changed();
    list.addEventListener("change", changed);
    return () => list.removeEventListener("change", changed);
  }, [query]);
  return holds;
}

const looking = () => document.visibilityState === "visible" && document.hasFocus();

/** True while the page is in front and has the keyboard: what is on it is being looked at. */
export function useAttention(): boolean {
  const [attention, setAttention] = useState(looking);
  useEffect(() => {
    const changed = () => setAttention(looking());
    window.addEventListener("focus", changed);
    window.addEventListener("blur", changed);
    document.addEventListener("visibilitychange", changed);
    return () => {
      window.removeEventListener("focus", changed);
      window.removeEventListener("blur", changed);
      document.removeEventListener("visibilitychange", changed);
    };
  }, []);
  return attention;
}

/** A clock that ticks with the minutes, so that "5 min" does not grow stale. */
export function useMinute(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 30_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** The newest value, for listeners that are set up once. */
export function useLatest<T>(value: T): { readonly current: T } {
  const latest = useRef(value);
  latest.current = value;
  return latest;
}
