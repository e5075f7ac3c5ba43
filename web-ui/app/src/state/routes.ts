// Addresses of the page's screens. Pure: paths in, routes out, and back.

export const settingsSections = ["profile", "identities", "appearance", "sessions", "mailboxes", "storage", "status", "doctor"] as const;
export type SettingsSection = (typeof settingsSections)[number];

export type Route =
  | { page: "chats" }
  | { page: "chat"; id: string }
  | { page: "join" }
  | { page: "requests" }
  | { page: "contacts" }
  | { page: "contact"; id: string }
  | { page: "add" }
  | { page: "card" }
  | { page: "settings"; section?: SettingsSection }
  | { page: "missing" };

export function parse(path: string): Route {
  const [first, second, ...rest] = path.split("/").filter((part) => part !== "").map(decoded);
  if (rest.length > 0) return { page: "missing" };
  if (first === undefined) return { page: "chats" };
  if (first === "c" && second) return { page: "chat", id: second };
  if (first === "join" && second === undefined) return { page: "join" };
  if (first === "requests" && second === undefined) return { page: "requests" };
  if (first === "contacts") {
    if (second === undefined) return { page: "contacts" };
    if (second === "add" || second === "card") return { page: second };
    return { page: "contact", id: second };
  }
  if (first === "settings") {
    if (second === undefined) return { page: "settings" };
    const section = settingsSections.find((it) => it === second);
    if (section) return { page: "settings", section };
  }
  return { page: "missing" };
}

export function format(route: Route): string {
  switch (route.page) {
    case "chats":
    case "missing":
      return "/";
    case "chat":
      return `/c/${encodeURIComponent(route.id)}`;
    case "join":
      return "/join";
    case "requests":
      return "/requests";
    case "contacts":
      return "/contacts";
    case "contact":
      return `/contacts/${encodeURIComponent(route.id)}`;
    case "add":
    case "card":
      return `/contacts/${route.page}`;
    case "settings":
      return route.section ? `/settings/${route.section}` : "/settings";
  }
}

/** Which of the three lists a route belongs to. */
export function area(route: Route): "chats" | "contacts" | "settings" {
  switch (route.page) {
    case "contacts":
    case "contact":
    case "add":
    case "card":
      return "contacts";
    case "settings":
      return "settings";
    default:
      return "chats";
  }
}

/** Whether a route fills the main pane; on a phone, the list is then behind it. */
export function opensMain(route: Route): boolean {
  return route.page === "settings" ? route.section !== undefined : route.page !== "chats" && route.page !== "contacts";
}

/** The list a route goes back to. */
export function parent(route: Route): Route {
  return { page: area(route) };
}

/** The one-time token of a sign-in link, from the fragment of the address. */
export function signInToken(fragment: string): string | undefined {
  const match = /^#sign-in=(.+)$/.exec(fragment);
  return match?.[1] === undefined ? undefined : decoded(match[1]);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
