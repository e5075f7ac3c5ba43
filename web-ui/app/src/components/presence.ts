// How a contact can be reached now, in words.
import type { Contact } from "../api/types";
import { t } from "../ui/i18n";

export function presence(contact: Contact): string {
  if (!contact.card_complete) return t("contacts.incomplete");
  return contact.online ? t("contacts.online") : t("contacts.offline");
}
