// What a link to join by gives to whom, in one line.
import type { Invite } from "../../api/types";
import { t } from "../../ui/i18n";

export function terms(invite: Invite): string {
  const uses = invite.uses === undefined ? t("invites.uses-any") : t("invites.uses", { count: invite.uses });
  const readOnly = invite.role === "read_only" ? [t("invites.read-only")] : [];
  const approval = invite.approval ? [t("invites.approval")] : [];
  return [uses, ...readOnly, ...approval].join(", ");
}
