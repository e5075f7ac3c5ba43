import { useState } from "react";
import type { Contact } from "../api/types";
import { navigate, useSelect, useTidings } from "../state/react";
import { Avatar } from "../ui/Avatar";
import { Dialog } from "../ui/Dialog";
import { t } from "../ui/i18n";
import { NavLink } from "./NavLink";

/** Choose somebody to write to. */
export function NewConversation({ onClose }: { onClose: () => void }) {
  const tidings = useTidings();
  const known = useSelect((state) => state.contacts);
  const [busy, setBusy] = useState(false);
  const contacts = Object.values(known ?? {}).toSorted((a, b) => a.name.localeCompare(b.name));

  const start = async (contact: Contact) => {
    if (busy) return;
    setBusy(true);
    try {
      const id = contact.conversation ?? (await tidings.startConversation(contact)).conversation;
      onClose();
      navigate({ page: "chat", id });
    } catch (error) {
      tidings.failed(error);
      setBusy(false);
    }
  };

  return (
    <Dialog title={t("new.title")} onClose={onClose} className="dialog-narrow">
      <p className="lead">{contacts.length > 0 ? t("new.lead") : t("new.none")}</p>
      <ul className="people" aria-busy={busy}>
        {contacts.map((contact) => (
          <li key={contact.contact}>
            <button type="button" className="row" onClick={() => void start(contact)}>
              <Avatar id={contact.contact} name={contact.name} online={contact.online} />
              <span className="row-body">
                <span className="row-title" dir="auto">
                  {contact.name}
                </span>
                <span className="row-text">{presence(contact)}</span>
              </span>
            </button>
          </li>
        ))}
      </ul>
      <div className="dialog-actions">
        <NavLink to={{ page: "add" }} className="button button-quiet" onClick={onClose}>
          <span>{t("contacts.add")}</span>
        </NavLink>
      </div>
    </Dialog>
  );
}

export function presence(contact: Contact): string {
  if (!contact.card_complete) return t("contacts.incomplete");
  return contact.online ? t("contacts.online") : t("contacts.offline");
}
