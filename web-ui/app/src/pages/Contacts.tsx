import { ContactRound, QrCode, UserPlus, Users } from "lucide-react";
import { LinkStatus } from "../components/LinkStatus";
import { NavLink } from "../components/NavLink";
import { presence } from "../components/presence";
import { VerifiedMark } from "../components/Verification";
import { useSelect } from "../state/react";
import type { Route } from "../state/routes";
import { Avatar } from "../ui/Avatar";
import { EmptyState } from "../ui/EmptyState";
import { t } from "../ui/i18n";
import { RowsToCome } from "./Chats";

/** The list of contacts by name, with what leads to more of them. */
export function Contacts({ route }: { route: Route }) {
  const known = useSelect((state) => state.contacts);
  const contacts = Object.values(known ?? {}).toSorted((a, b) => a.name.localeCompare(b.name));
  const current = route.page === "contact" ? route.id : undefined;
  return (
    <>
      <header className="list-header">
        <div className="list-heading">
          <h1>{t("contacts.title")}</h1>
          <LinkStatus />
        </div>
      </header>
      <nav className="list-scroll" aria-label={t("contacts.list")}>
        <ul role="list" className="rows rows-actions">
          <li>
            <NavLink to={{ page: "add" }} className="row" aria-current={route.page === "add" ? "page" : undefined}>
              <span className="row-icon">
                <UserPlus />
              </span>
              <span className="row-title">{t("contacts.add")}</span>
            </NavLink>
          </li>
          <li>
            <NavLink to={{ page: "card" }} className="row" aria-current={route.page === "card" ? "page" : undefined}>
              <span className="row-icon">
                <QrCode />
              </span>
              <span className="row-title">{t("contacts.card")}</span>
            </NavLink>
          </li>
        </ul>
        {!known && <RowsToCome />}
        {known && contacts.length === 0 && (
          <EmptyState icon={<Users />} title={t("contacts.none-title")} text={t("contacts.none")} />
        )}
        <ul role="list" className="rows">
          {contacts.map((contact) => (
            <li key={contact.contact}>
              <NavLink
                to={{ page: "contact", id: contact.contact }}
                className="row"
                aria-current={contact.contact === current ? "page" : undefined}
              >
                <Avatar id={contact.contact} name={contact.name} online={contact.online} />
                <span className="row-body">
                  <strong className="row-title" dir="auto">
                    {contact.name}
                  </strong>
                  <span className="row-text">
                    {contact.blocked ? t("block.list") : contact.added ? presence(contact) : t("contacts.not-added")}
                    <VerifiedMark contact={contact} />
                  </span>
                </span>
              </NavLink>
            </li>
          ))}
        </ul>
      </nav>
    </>
  );
}

export function NoContact() {
  return (
    <main className="main main-empty" id="main">
      <EmptyState icon={<ContactRound />} title={t("contacts.pick-title")} text={t("contacts.pick")} />
    </main>
  );
}
