import { Search } from "lucide-react";
import { useEffect, useId, useState } from "react";
import type { KeyboardEvent } from "react";
import { pictureAddress } from "../api/groups";
import type { Contact } from "../api/types";
import { navigate, useSelect, useTidings } from "../state/react";
import type { Route } from "../state/routes";
import { Avatar } from "../ui/Avatar";
import { Dialog } from "../ui/Dialog";
import { t } from "../ui/i18n";
import { faceOf } from "./ConversationRow";

type Found = { key: string; face: string; picture?: string | undefined; name: string; open: () => Promise<Route> | Route };

const results_max = 8;

/** Whether an address was typed. Everybody chooses their own name, so nobody is found by a name like that. */
const isAddress = (typed: string): boolean => /^\S+@\S+$/.test(typed);

/** The contacts of whom it is verified on this node that they have this address; `undefined` where none was typed. */
function useVerified(typed: string): Contact[] | undefined {
  const { client, failed } = useTidings();
  const [found, setFound] = useState<{ typed: string; contacts: Contact[] }>();
  useEffect(() => {
    if (!isAddress(typed)) return;
    client.contactsCalled(typed).then((contacts) => setFound({ typed, contacts }), failed);
  }, [client, failed, typed]);
  if (!isAddress(typed)) return undefined;
  return found?.typed === typed ? found.contacts : [];
}

/** Ctrl+K: jump to a chat or a person by name, or to a person by an address that was verified. */
export function QuickSwitcher({ onClose }: { onClose: () => void }) {
  const tidings = useTidings();
  const conversations = useSelect((state) => state.conversations);
  const contacts = useSelect((state) => state.contacts);
  const [query, setQuery] = useState("");
  const [chosen, setChosen] = useState(0);
  const list = useId();

  const all: Found[] = [
    ...Object.values(conversations ?? {})
      .toSorted((a, b) => b.last_at_ms - a.last_at_ms)
      .map((it) => ({
        key: it.conversation,
        face: faceOf(it),
        picture: pictureAddress(it),
        name: it.name,
        open: (): Route => ({ page: "chat", id: it.conversation }),
      })),
    ...Object.values(contacts ?? {})
      .filter((it) => it.conversation == null)
      .map((it) => ({ key: it.contact, face: it.contact, name: it.name, open: (): Route => ({ page: "contact", id: it.contact }) })),
  ];
  const wanted = query.trim().toLocaleLowerCase();
  const verified = useVerified(wanted)?.map((it): Found => ({
    key: it.contact,
    face: it.contact,
    name: it.name,
    open: (): Route => (it.conversation == null ? { page: "contact", id: it.contact } : { page: "chat", id: it.conversation }),
  }));
  const found = (verified ?? all.filter((it) => it.name.toLocaleLowerCase().includes(wanted))).slice(0, results_max);
  const at = Math.min(chosen, found.length - 1);

  const open = async (it: Found | undefined) => {
    if (!it) return;
    onClose();
    try {
      navigate(await it.open());
    } catch (error) {
      tidings.failed(error);
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setChosen((at + 1) % Math.max(1, found.length));
    else if (event.key === "ArrowUp") setChosen((at - 1 + found.length) % Math.max(1, found.length));
    else if (event.key === "Enter") void open(found[at]);
    else return;
    event.preventDefault();
  };

  return (
    <Dialog title={t("switch.title")} onClose={onClose} className="switcher" bare>
      <div className="switcher-field">
        <Search aria-hidden="true" />
        <input
          type="text"
          role="combobox"
          aria-expanded="true"
          aria-controls={list}
          aria-activedescendant={found[at] ? `${list}-${at}` : undefined}
          aria-label={t("switch.placeholder")}
          aria-autocomplete="list"
          autoComplete="off"
          placeholder={t("switch.placeholder")}
          value={query}
          onInput={(event) => {
            setQuery(event.currentTarget.value);
            setChosen(0);
          }}
          onKeyDown={onKeyDown}
        />
      </div>
      {/* oxlint-disable-next-line jsx-a11y/interactive-supports-focus -- the field keeps the focus (active descendant) */}
      <div id={list} role="listbox" aria-label={t("switch.results")} className="switcher-list">
        {found.map((it, index) => (
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- the field handles the keys
          <div
            key={it.key}
            id={`${list}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === at}
            className="row"
            onMouseMove={() => setChosen(index)}
            onClick={() => void open(it)}
          >
            <Avatar id={it.face} name={it.name} size="small" picture={it.picture} />
            <span className="row-title">{it.name}</span>
          </div>
        ))}
      </div>
      {found.length === 0 && <p className="switcher-none">{t(verified ? "switch.none-verified" : "switch.none")}</p>}
      <p className="switcher-hint">{t("switch.hint")}</p>
      <p className="visually-hidden" role="status">
        {t("switch.count", { count: found.length })}
      </p>
    </Dialog>
  );
}
