// Times, names and numbers as people read them. Pure: `now` is an argument.
import { language, t } from "./i18n";

const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const weekday = new Intl.DateTimeFormat(language, { weekday: "long" });
const weekdayShort = new Intl.DateTimeFormat(language, { weekday: "short" });
const dayMonth = new Intl.DateTimeFormat(language, { day: "numeric", month: "long" });
const dayMonthShort = new Intl.DateTimeFormat(language, { day: "numeric", month: "short" });
const dayMonthYear = new Intl.DateTimeFormat(language, { day: "numeric", month: "long", year: "numeric" });
const dayMonthYearShort = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", year: "numeric" });
const full = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "medium", hourCycle: "h23" });
const relativeAlways = new Intl.RelativeTimeFormat(language, { numeric: "always" });
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

const lists = new Intl.ListFormat(language, { type: "conjunction" });

const midnight = (at_ms: number): number => new Date(at_ms).setHours(0, 0, 0, 0);
const daysBetween = (at_ms: number, now_ms: number): number =>
  Math.round((midnight(now_ms) - midnight(at_ms)) / 86_400_000);
const sameYear = (a_ms: number, b_ms: number): boolean => new Date(a_ms).getFullYear() === new Date(b_ms).getFullYear();

/** 14:05 */
export const time = (at_ms: number): string => clock.format(at_ms);

/** 14 March 2026 at 14:05:09 */
export const moment = (at_ms: number): string => full.format(at_ms);

/** Ada, Ben, and Cleo */
export const list = (items: string[]): string => lists.format(items);

/** Today, Yesterday, Tuesday, 14 March, 14 March 2024 */
export function day(at_ms: number, now_ms: number): string {
  const days = daysBetween(at_ms, now_ms);
  if (days === 0) return t("time.today");
  if (days === 1) return t("time.yesterday");
  if (days > 1 && days < 7) return weekday.format(at_ms);
  return sameYear(at_ms, now_ms) ? dayMonth.format(at_ms) : dayMonthYear.format(at_ms);
}

/** 14:05, Yesterday, Tue, 14 Mar, 14 Mar 2024: for a narrow column. */
export function shortTime(at_ms: number, now_ms: number): string {
  const days = daysBetween(at_ms, now_ms);
  if (days <= 0) return time(at_ms);
  if (days === 1) return t("time.yesterday");
  if (days < 7) return weekdayShort.format(at_ms);
  return sameYear(at_ms, now_ms) ? dayMonthShort.format(at_ms) : dayMonthYearShort.format(at_ms);
}

/** now, 5 minutes ago, yesterday */
export function ago(at_ms: number, now_ms: number): string {
  const minutes = Math.floor((now_ms - at_ms) / 60_000);
  if (minutes < 1) return t("time.now");
  if (minutes < 60) return relative.format(-minutes, "minute");
  if (minutes < 24 * 60) return relative.format(-Math.floor(minutes / 60), "hour");
  return relative.format(-Math.max(1, daysBetween(at_ms, now_ms)), "day");
}

/** in 5 minutes, in 3 hours, in 6 days: rounded up, so that it is never said to be over while it is not. */
export function until(at_ms: number, now_ms: number): string {
  const minutes = Math.max(1, Math.ceil((at_ms - now_ms) / 60_000));
  if (minutes <= 60) return relativeAlways.format(minutes, "minute");
  if (minutes <= 48 * 60) return relativeAlways.format(Math.ceil(minutes / 60), "hour");
  return relativeAlways.format(Math.ceil(minutes / (24 * 60)), "day");
}

const spans = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const;

/** 7 days, 1 hour: in the largest unit that divides it. */
export function duration(seconds: number): string {
  const [unit, size] = spans.find(([, length]) => seconds % length === 0) ?? spans[3];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(seconds / size);
}

/** Up to two letters that stand for a name. */
export function initials(name: string): string {
  const words = name.trim().split(/[\s_.-]+/u).filter((word) => word !== "");
  const letters = (words.length > 1 ? [words[0], words.at(-1)] : [words[0]]).map((word) => [...(word ?? "")][0] ?? "");
  return letters.join("").toLocaleUpperCase(language) || "?";
}

export const avatar_tones = 10;

/** A colour that stays with an id, whatever name it takes. */
export function tone(id: string): number {
  let sum = 0;
  for (const char of id.slice(0, 16)) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return sum % avatar_tones;
}

const encoder = new TextEncoder();
export const utf8Bytes = (text: string): number => encoder.encode(text).length;

const sizes = ["KiB", "MiB", "GiB", "TiB"];

/** 812 B, 3.4 KiB, 4.0 GiB */
export function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  let [size, unit] = [count / 1024, 0];
  for (; size >= 1023.95 && unit < sizes.length - 1; unit++) size /= 1024;
  return `${size.toFixed(1)} ${sizes[unit]}`;
}

/** The digits of a safety number in groups of five. */
export function digitGroups(safetyNumber: string): string[] {
  return safetyNumber.replaceAll(/\s/g, "").match(/.{1,5}/gu) ?? [];
}

/** The beginning and the end of a long id. */
export function shortId(id: string): string {
  return id.length <= 16 ? id : `${id.slice(0, 8)}…${id.slice(-6)}`;
}

const browsers: [RegExp, string][] = [
  [/Edg\//, "Edge"],
  [/OPR\//, "Opera"],
  [/Firefox\//, "Firefox"],
  [/Chrom(e|ium)\//, "Chrome"],
  [/Safari\//, "Safari"],
  [/curl\//, "curl"],
];
const systems: [RegExp, string][] = [
  [/Android/, "Android"],
  [/iPhone|iPad/, "iOS"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "macOS"],
  [/CrOS/, "ChromeOS"],
  [/Linux/, "Linux"],
];

/** “Firefox on Linux”, from what the browser said of itself. */
export function browserName(userAgent: string): string {
  const browser = browsers.find(([pattern]) => pattern.test(userAgent))?.[1];
  const system = systems.find(([pattern]) => pattern.test(userAgent))?.[1];
  if (browser && system) return t("sessions.browser-on", { browser, system });
  return browser ?? system ?? t("sessions.unknown");
}

export type Piece = { text: string; href?: string };

const address = /https?:\/\/[^\s<>"']+/giu;
const trailing = /[.,;:!?)\]}»”’]+$/u;

/** Text with its web addresses found; nothing else is marked up. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(address)) {
    const href = bare(match[0]);
    if (!URL.canParse(href)) continue;
    if (match.index > from) found.push({ text: text.slice(from, match.index) });
    found.push({ text: href, href });
    from = match.index + href.length;
  }
  if (from < text.length) found.push({ text: text.slice(from) });
  return found;
}

/** An address without the punctuation of the sentence around it, but with a bracket that it opened itself. */
function bare(found: string): string {
  const end = trailing.exec(found)?.[0] ?? "";
  const kept = found.slice(0, found.length - end.length);
  return end.startsWith(")") && kept.includes("(") ? `${kept})` : kept;
}

const emoji = /^(?:\p{Extended_Pictographic}|\p{Emoji_Component}|\s)+$/u;

/** Whether a text is a few emoji and nothing else, which are then shown large. */
export function isEmojiOnly(text: string): boolean {
  return text.length <= 24 && /\p{Extended_Pictographic}/u.test(text) && emoji.test(text);
}
