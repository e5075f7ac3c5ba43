import { inviteCodeAddress } from "../../api/groups";
import type { Invite } from "../../api/types";
import { useMinute } from "../../state/react";
import { Dialog } from "../../ui/Dialog";
import { until } from "../../ui/format";
import { t } from "../../ui/i18n";
import { CopyField } from "../CopyField";
import { terms } from "./terms";

type Props = { conversation: string; invite: Invite; onClose: () => void };

/** A link to join by, to be copied or scanned. */
export function InviteCard({ conversation, invite, onClose }: Props) {
  const now = useMinute();
  return (
    <Dialog title={t("invites.card")} onClose={onClose} className="dialog-narrow">
      <div className="my-card">
        <div className="qr">
          <img src={inviteCodeAddress(conversation, invite.invite)} alt={t("invites.qr")} />
        </div>
        <CopyField value={invite.link ?? ""} label={t("invites.link")} action={t("card.copy")} primary />
        <p className="hint">
          {terms(invite)}
          {" · "}
          {t("invites.ends", { when: until(invite.expires_at_ms, now) })}
        </p>
        <p className="hint">{t("invites.secret")}</p>
      </div>
    </Dialog>
  );
}
