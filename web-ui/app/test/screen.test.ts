// What is on the screen, decided without one: words, times, addresses, rows.
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { backTo, cameBack } from "../src/state/elsewhere";
import { parsePreferences } from "../src/state/preferences";
import { area, format, opensMain, parse, signInToken } from "../src/state/routes";
import type { Route } from "../src/state/routes";
import { rows, unreadMarker, windowAround, windowMustMove } from "../src/state/rows";
import { asGib, forgetsMore, keepChoices, parseDays, parseGib } from "../src/state/storage";
import { en } from "../src/ui/en";
import { ago, browserName, bytes, day, digitGroups, initials, isEmojiOnly, pieces, shortTime, tone } from "../src/ui/format";
import { t } from "../src/ui/i18n";
import { message } from "./make";

const noon = new Date(2026, 2, 14, 12, 0).getTime();
const hour = 3_600_000;

describe("times", () => {
  it("are told by the day", () => {
    expect(day(noon - hour, noon)).toBe("Today");
    expect(day(noon - 13 * hour, noon)).toBe("Yesterday");
    expect(day(noon - 3 * 24 * hour, noon)).toBe("Wednesday");
    expect(day(noon - 400 * 24 * hour, noon)).toContain("2025");
  });

  it("are short in a list", () => {
    expect(shortTime(noon, noon)).toBe("12:00");
    expect(shortTime(noon - 24 * hour, noon)).toBe("Yesterday");
  });

  it("are told from now", () => {
    expect(ago(noon - 10_000, noon)).toBe("now");
    expect(ago(noon - 5 * 60_000, noon)).toBe("5 minutes ago");
    expect(ago(noon - 25 * hour, noon)).toBe("yesterday");
  });
});

describe("names and numbers", () => {
  it("have initials of up to two letters", () => {
    expect(initials("Amara Okafor")).toBe("AO");
    expect(initials("oskar")).toBe("O");
    expect(initials("Mary Jane Watson")).toBe("MW");
    expect(initials("  ")).toBe("?");
    expect(initials("😀 smile")).toBe("😀S");
  });

  it("have a colour that stays with the id", () => {
    expect(tone("abcdef")).toBe(tone("abcdef"));
    expect(tone("")).toBe(0);
  });

  it("group the digits of a safety number", () => {
    expect(digitGroups("12345 67890\n123")).toEqual(["12345", "67890", "123"]);
    expect(digitGroups("")).toEqual([]);
  });

  it("have sizes in bytes", () => {
    expect(bytes(812)).toBe("812 B");
    expect(bytes(4_096)).toBe("4.0 KiB");
    expect(bytes(1024 ** 2 - 1)).toBe("1.0 MiB");
    expect(bytes(4 * 1024 ** 3)).toBe("4.0 GiB");
  });

  it("tell browsers apart", () => {
    expect(browserName("Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0")).toBe("Firefox on Linux");
    expect(browserName("")).toBe("Unknown browser");
  });
});

describe("what may be kept", () => {
  const limits = { held_bytes_max: 4 * 1024 ** 3, mailbox_bytes_max: 0 };

  it("is chosen in days, with what was set otherwise among them", () => {
    expect(keepChoices(undefined)).toEqual([7, 30, 90, 365, undefined]);
    expect(keepChoices(45)).toEqual([7, 30, 45, 90, 365, undefined]);
    expect(parseDays("45")).toBe(45);
    for (const none of ["ever", "0", "36501", "1.5", ""]) expect(parseDays(none)).toBeUndefined();
  });

  it("is typed in GiB", () => {
    expect(parseGib("4")).toBe(4 * 1024 ** 3);
    expect(parseGib(" 0,5 ")).toBe(512 * 1024 ** 2);
    expect(parseGib("0")).toBe(0);
    for (const none of ["", "four", "-1", "1e12"]) expect(parseGib(none)).toBeUndefined();
    for (const text of ["4", "0.5", "0", "0.001"]) expect(asGib(parseGib(text) ?? NaN)).toBe(text);
  });

  it("is asked about only where messages would go", () => {
    expect(forgetsMore(limits, { ...limits, keep_days: 30 })).toBe(true);
    expect(forgetsMore({ ...limits, keep_days: 30 }, { ...limits, keep_days: 7 })).toBe(true);
    expect(forgetsMore({ ...limits, keep_days: 30 }, limits)).toBe(false);
    expect(forgetsMore(limits, { ...limits, held_bytes_max: 0 })).toBe(false);
  });
});

describe("text", () => {
  it("has its web addresses found, without what follows them", () => {
    expect(pieces("See https://example.org/a_(b), then go.")).toEqual([
      { text: "See " },
      { text: "https://example.org/a_(b)", href: "https://example.org/a_(b)" },
      { text: ", then go." },
    ]);
  });

  it("makes a link of nothing but http and https", () => {
    expect(pieces("javascript:alert(1) <b>data:text/html,x</b>")).toEqual([
      { text: "javascript:alert(1) <b>data:text/html,x</b>" },
    ]);
  });

  it("of a few emoji alone is shown large, digits are not emoji", () => {
    expect(isEmojiOnly("👍🏽 🎉")).toBe(true);
    expect(isEmojiOnly("12")).toBe(false);
    expect(isEmojiOnly("ok 👍")).toBe(false);
  });
});

describe("words", () => {
  it("take their parameters and their plural", () => {
    expect(t("link.live", { count: 1 })).toBe("Connected to 1 peer");
    expect(t("link.live", { count: 2 })).toBe("Connected to 2 peers");
    expect(t("contact.safety-hint", { name: "Ann {x}" })).toContain("Ann {x}");
  });

  it("are all used", () => {
    const source = sources().map((file) => readFileSync(file, "utf8")).join("\n");
    const computed = /^(nav|state|settings|details|appearance|role|encryption)\.|^(identities\.(verified|carried|missing)|invites\.span|rules\.history|rules\.(everybody|admins)$)/;
    const unused = Object.keys(en).filter((key) => !computed.test(key) && !source.includes(`"${key}"`));
    expect(unused).toEqual([]);
  });
});

describe("addresses", () => {
  const all: Route[] = [
    { page: "chats" },
    { page: "chat", id: "ab/c d" },
    { page: "join" },
    { page: "contacts" },
    { page: "contact", id: "abc" },
    { page: "add" },
    { page: "card" },
    { page: "settings" },
    { page: "settings", section: "appearance" },
  ];

  it("lead where they came from", () => {
    for (const route of all) expect(parse(format(route))).toEqual(route);
  });

  it("that lead nowhere are said to", () => {
    for (const path of ["/x", "/c", "/c/a/b", "/settings/x", "/%"]) expect(parse(path)).toEqual({ page: "missing" });
  });

  it("belong to a list, and open the main pane or not", () => {
    expect(all.map((it) => area(it))).toEqual([
      "chats", "chats", "chats", "contacts", "contacts", "contacts", "contacts", "settings", "settings",
    ]);
    expect(all.filter((it) => !opensMain(it)).map((it) => it.page)).toEqual(["chats", "contacts", "settings"]);
  });

  it("bring back what an issuer said", () => {
    expect(cameBack("/identities/callback", "?code=c%2B&state=s")).toEqual({ answer: { code: "c+", state: "s" } });
    expect(cameBack("/identities/callback", "?code=c&state=s&iss=https%3A%2F%2Fi")).toEqual({
      answer: { code: "c", state: "s", iss: "https://i" },
    });
    expect(cameBack("/identities/callback", "?error=access_denied&state=s")).toEqual({ denied: "access_denied" });
    expect(cameBack("/", "?code=c&state=s")).toBeUndefined();
  });

  it("of this machine are where an issuer sends back to", () => {
    expect(backTo({ protocol: "http:", hostname: "abc.localhost", port: "7373" })).toBe("http://127.0.0.1:7373/identities/callback");
    expect(backTo({ protocol: "https:", hostname: "home.example", port: "" })).toBeUndefined();
  });

  it("carry a sign-in token in their fragment only", () => {
    expect(signInToken("#sign-in=abc%2Bd")).toBe("abc+d");
    expect(signInToken("#sign-in=")).toBeUndefined();
    expect(signInToken("#other=abc")).toBeUndefined();
  });
});

describe("rows", () => {
  const at = (place: number, sent_at_ms: number, mine = false) => message(place, { sent_at_ms, mine });

  it("separate days and group what one author wrote within minutes", () => {
    const list = rows([at(1, noon - 30 * hour), at(2, noon), at(3, noon + 1_000), at(4, noon + 10 * 60_000), at(5, noon + 10 * 60_000, true)], []);
    expect(list.map((it) => it.kind)).toEqual(["day", "message", "day", "message", "message", "message", "message"]);
    const edges = list.flatMap((it) => (it.kind === "message" ? [`${Number(it.first)}${Number(it.last)}`] : []));
    expect(edges).toEqual(["11", "10", "01", "11", "11"]);
  });

  it("mark where the unread begins", () => {
    const messages = [at(1, noon), at(2, noon, true), at(3, noon), at(4, noon)];
    expect(unreadMarker(messages, 0, "m1")).toBeUndefined();
    expect(unreadMarker(messages, 2, "m1")).toEqual({ before: "m3", count: 2 });
    expect(unreadMarker(messages, 2, undefined)).toEqual({ before: "m3", count: 2 });
    expect(unreadMarker(messages, 9, "not here")).toEqual({ before: "m1", count: 9 });
    const list = rows(messages, [], { before: "m3", count: 2 });
    expect(list.map((it) => it.kind)).toEqual(["day", "message", "message", "unread", "message", "message"]);
  });

  it("end with what is on its way", () => {
    const outgoing = { key: "k", conversation: "c", text: "x", at_ms: noon + 1_000, phase: "sending" as const };
    const list = rows([at(1, noon, true)], [outgoing]);
    expect(list.map((it) => it.kind)).toEqual(["day", "message", "outgoing"]);
    expect(list.at(-1)).toMatchObject({ first: false, last: true });
  });

  it("in the document are bounded, whatever the conversation's length", () => {
    for (const count of [0, 10, 100, 100_000]) {
      for (const center of [undefined, -1, 0, 50, 99_999]) {
        const { start, end } = windowAround(count, center);
        expect(start).toBeGreaterThanOrEqual(0);
        expect(end).toBeLessThanOrEqual(count);
        expect(end - start).toBeLessThanOrEqual(160);
        expect(end - start).toBe(Math.min(count, end - start));
      }
    }
    expect(windowAround(100_000, undefined)).toEqual({ start: 99_840, end: 100_000 });
  });

  it("move their window only near its edge, and not past the ends", () => {
    expect(windowMustMove({ start: 100, end: 260 }, 1_000, 160, 180)).toBe(false);
    expect(windowMustMove({ start: 100, end: 260 }, 1_000, 110, 130)).toBe(true);
    expect(windowMustMove({ start: 100, end: 260 }, 1_000, 230, 250)).toBe(true);
    expect(windowMustMove({ start: 0, end: 160 }, 160, 0, 160)).toBe(false);
  });
});

it("preferences that make no sense are the defaults", () => {
  expect(parsePreferences("{")).toEqual({ theme: "system", accent: "blue", textSize: "medium" });
  expect(parsePreferences('{"theme":"dark","accent":"mud"}')).toEqual({ theme: "dark", accent: "blue", textSize: "medium" });
});

describe("the layers", () => {
  const layers = ["ui", "api", "state", "components", "pages", "app"];
  const may: Record<string, string[]> = {
    ui: ["ui"],
    api: ["api"],
    state: ["api", "state"],
    components: ["ui", "api", "state", "components"],
    pages: ["ui", "api", "state", "components", "pages"],
    app: layers,
  };

  it("import only what is below them", () => {
    const wrong = sources().flatMap((file) => {
      const layer = relative(src, file).split("/")[0] ?? "";
      return [...readFileSync(file, "utf8").matchAll(/from "(\.[^"]+)"/g)].flatMap((match) => {
        const target = relative(src, join(dirname(file), match[1] ?? "")).split("/")[0] ?? "";
        return may[layer]?.includes(target) ? [] : [`${relative(src, file)} imports ${match[1]}`];
      });
    });
    expect(wrong).toEqual([]);
  });

  it("hold no mark-up in strings and no cryptography", () => {
    const banned = /innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|crypto\.subtle/;
    expect(sources().filter((file) => banned.test(readFileSync(file, "utf8")))).toEqual([]);
  });
});

const src = fileURLToPath(new URL("../src", import.meta.url));

function sources(): string[] {
  return readdirSync(src, { recursive: true, encoding: "utf8" })
    .filter((path) => /\.tsx?$/.test(path) && !/ui\/en(-groups)?\.ts$/.test(path))
    .map((path) => join(src, path));
}
