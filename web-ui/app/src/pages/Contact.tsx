import { MessageCircle, UserRoundX } from "lucide-react";
import { useState } from "react";
import type { Contact as ContactCard } from "../api/types";
import { ContactIdentities } from "../components/ContactIdentities";
import { CopyField } from "../components/CopyField";
import { MainHeader } from "../components/MainHeader";
import { NavLink } from "../components/NavLink";
import { presence } from "../components/presence";
import { BlockButton, Verification } from "../components/Verification";
import { navigate, useSelect, useTidings } from "../state/react";
import { Avatar } from "../ui/Avatar";
import { Button } from "../ui/Button";
import { EmptyState } from "../ui/EmptyState";
import { t } from "../ui/i18n";

/** One contact: how to write to them and how to know that it is them. */
export function Contact({ id }: { id: string }) {
  const contact = useSelect((state) => state.contacts?.[id]);
  const known = useSelect((state) => state.contacts !== undefined);
  if (!contact) {
    return (
      <main className="main main-empty" id="main" aria-busy={!known}>
        {known && (
          <EmptyState level={1} icon={<UserRoundX />} title={t("contact.unknown-title")} text={t("contact.unknown")}>
            <NavLink to={{ page: "contacts" }} className="button button-primary">
              <span>{t("contacts.title")}</span>
            </NavLink>
          </EmptyState>
        )}
      </main>
    );
  }
  return (
    <main className="main" id="main">
      <MainHeader title={contact.name} />
      <div className="page">
        <ContactFacts key={id} contact={contact} writable />
      </div>
    </main>
  );
}

export function ContactFacts({ contact, writable = false }: { contact: ContactCard; writable?: boolean }) {
  const tidings = useTidings();
  const [busy, setBusy] = useState(false);
  const write = async () => {
    setBusy(true);
    try {
      const id = contact.conversation ?? (await tidings.startConversation(contact)).conversation;
      navigate({ page: "chat", id });
    } catch (error) {
      tidings.failed(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="contact">
      <div className="contact-head">
        <Avatar id={contact.contact} name={contact.name} size="huge" online={contact.online} />
        <p className="contact-name" dir="auto">
          {contact.name}
        </p>
        <p className="presence" data-online={contact.online}>
          {presence(contact)}
        </p>
        {contact.blocked && <p className="hint">{t("block.blocked")}</p>}
        {writable && !contact.blocked && (
          <Button tone="primary" icon={<MessageCircle />} disabled={busy} onClick={() => void write()}>
            {t("contact.message")}
          </Button>
        )}
      </div>
      <Verification contact={contact} />
      <ContactIdentities contact={contact} />
      <div className="dialog-actions">
        <BlockButton account={contact.contact} name={contact.name} blocked={contact.blocked} />
      </div>
      <section className="panel">
        <h2>{t("contact.account")}</h2>
        <CopyField value={contact.contact} label={t("contact.account")} action={t("contact.copy-account")} />
      </section>
    </div>
  );
}
