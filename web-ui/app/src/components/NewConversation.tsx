import { ArrowLeft, Link, UserPlus, Users } from "lucide-react";
import { useState } from "react";
import type { Contact } from "../api/types";
import { navigate, useSelect, useTidings } from "../state/react";
import type { Route } from "../state/routes";
import { Avatar } from "../ui/Avatar";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { t } from "../ui/i18n";
import { NameField } from "./group/NameField";
import { PeoplePicker } from "./PeoplePicker";
import { presence } from "./presence";

/** Choose somebody to write to, or several for a group. */
export function NewConversation({ onClose }: { onClose: () => void }) {
  const tidings = useTidings();
  const known = useSelect((state) => state.contacts);
  const [busy, setBusy] = useState(false);
  const [grouping, setGrouping] = useState(false);
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
  const go = (route: Route) => {
    onClose();
    navigate(route);
  };

  if (grouping) return <NewGroup contacts={contacts} onBack={() => setGrouping(false)} onClose={onClose} />;
  return (
    <Dialog title={t("new.title")} onClose={onClose} className="dialog-narrow">
      <ul role="list" className="people-actions">
        {contacts.length > 0 && (
          <li>
            <Action icon={<Users />} text={t("new.group")} onChoose={() => setGrouping(true)} />
          </li>
        )}
        <li>
          <Action icon={<Link />} text={t("new.join")} onChoose={() => go({ page: "join" })} />
        </li>
        <li>
          <Action icon={<UserPlus />} text={t("contacts.add")} onChoose={() => go({ page: "add" })} />
        </li>
      </ul>
      <p className="people-title">{contacts.length > 0 ? t("new.lead") : t("new.none")}</p>
      <ul role="list" className="people" aria-busy={busy}>
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
    </Dialog>
  );
}

function Action({ icon, text, onChoose }: { icon: React.ReactNode; text: string; onChoose: () => void }) {
  return (
    <button type="button" className="row" onClick={onChoose}>
      <span className="row-icon">{icon}</span>
      <span className="row-title">{text}</span>
    </button>
  );
}

type GroupProps = { contacts: Contact[]; onBack: () => void; onClose: () => void };

function NewGroup({ contacts, onBack, onClose }: GroupProps) {
  const { groups } = useTidings();
  const [chosen, setChosen] = useState(new Set<string>());
  const [name, setName] = useState("");
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);

  const create = async () => {
    if (name.trim() === "") {
      setProblem(t("group.name-empty"));
      return;
    }
    if (chosen.size === 0) {
      setProblem(t("new.nobody"));
      return;
    }
    setBusy(true);
    try {
      const made = await groups.create(contacts.filter((it) => chosen.has(it.contact)), name.trim());
      onClose();
      navigate({ page: "chat", id: made.conversation });
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };

  return (
    <Dialog title={t("new.group")} onClose={onClose} className="dialog-narrow">
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void create();
        }}
      >
        <NameField
          name={name}
          problem={problem}
          onChange={(value) => {
            setName(value);
            setProblem(undefined);
          }}
        />
        <p className="people-title">{t("new.members")}</p>
        <PeoplePicker contacts={contacts} chosen={chosen} onChange={setChosen} label={t("new.members")} />
        <div className="dialog-actions">
          <Button icon={<ArrowLeft className="flips" />} onClick={onBack}>
            {t("nav.back")}
          </Button>
          <Button type="submit" tone="primary" disabled={busy}>
            {busy ? t("new.creating") : t("new.create")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
