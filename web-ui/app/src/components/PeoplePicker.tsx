import { Search } from "lucide-react";
import { useState } from "react";
import type { Contact } from "../api/types";
import { Avatar } from "../ui/Avatar";
import { t } from "../ui/i18n";
import { presence } from "./presence";

type Props = { contacts: Contact[]; chosen: Set<string>; onChange: (chosen: Set<string>) => void; label: string };

/** More than this many are searched rather than looked through. */
const few = 7;

/** Any number of contacts, ticked. */
export function PeoplePicker({ contacts, chosen, onChange, label }: Props) {
  const [query, setQuery] = useState("");
  const wanted = query.trim().toLocaleLowerCase();
  const found = contacts.filter((it) => it.name.toLocaleLowerCase().includes(wanted));
  const toggle = (contact: string) => {
    const next = new Set(chosen);
    if (!next.delete(contact)) next.add(contact);
    onChange(next);
  };
  return (
    <fieldset className="picker">
      <legend className="visually-hidden">{label}</legend>
      {contacts.length > few && (
        <div className="search">
          <Search aria-hidden="true" />
          <input
            type="search"
            placeholder={t("picker.search")}
            aria-label={t("picker.search")}
            value={query}
            onInput={(event) => setQuery(event.currentTarget.value)}
          />
        </div>
      )}
      <ul role="list" className="people">
        {found.map((it) => (
          <li key={it.contact}>
            <label className="row picker-row">
              <Avatar id={it.contact} name={it.name} online={it.online} />
              <span className="row-body">
                <span className="row-title" dir="auto">
                  {it.name}
                </span>
                <span className="row-text">{presence(it)}</span>
              </span>
              <input type="checkbox" checked={chosen.has(it.contact)} onChange={() => toggle(it.contact)} />
            </label>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="list-none">{t("picker.none")}</p>}
      <p className="hint" role="status">
        {t("picker.count", { count: chosen.size })}
      </p>
    </fieldset>
  );
}
