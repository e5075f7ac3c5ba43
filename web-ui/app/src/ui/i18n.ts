// The words on the screen: one table a language, chosen once.
import { en } from "./en";

export type Key = keyof typeof en;
export type Params = Record<string, string | number>;

type Entry = string | { readonly one: string; readonly other: string };

export const language = "en";
const plural = new Intl.PluralRules(language);

export function t(key: Key, params: Params = {}): string {
  const entry: Entry = en[key];
  const text = typeof entry === "string" ? entry : entry[plural.select(Number(params.count)) === "one" ? "one" : "other"];
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(params[name] ?? whole));
}
