// What may be kept, as people say it: whole days, and sizes in GiB.
import type { StorageLimits } from "../api/types";

const gib = 1024 ** 3;
const keep_days_max = 36_500;

/** For how long messages are usually kept; the first is for ever. */
export const keepDays = [undefined, 7, 30, 90, 365] as const;

/** The choices in days, with the one that is set where it is another. */
export function keepChoices(set: number | undefined): (number | undefined)[] {
  const choices: (number | undefined)[] = [...keepDays];
  if (!choices.includes(set)) choices.push(set);
  return choices.toSorted((a, b) => (a ?? Infinity) - (b ?? Infinity));
}

/** Days as typed or chosen; nothing if they cannot be set. */
export function parseDays(text: string): number | undefined {
  const days = Number(text);
  return Number.isInteger(days) && days >= 1 && days <= keep_days_max ? days : undefined;
}

/** A size in GiB as typed, with either decimal sign; nothing if it is none. */
export function parseGib(text: string): number | undefined {
  const typed = text.trim().replace(",", ".");
  const size = Math.round(Number(typed) * gib);
  return typed !== "" && size >= 0 && Number.isSafeInteger(size) ? size : undefined;
}

/** A size in GiB as it is typed, to a thousandth. */
export function asGib(size: number): string {
  return String(Math.round((size / gib) * 1_000) / 1_000);
}

/** Whether messages that are here may be too old by new limits. */
export function forgetsMore(before: StorageLimits, after: StorageLimits): boolean {
  return (after.keep_days ?? Infinity) < (before.keep_days ?? Infinity);
}
