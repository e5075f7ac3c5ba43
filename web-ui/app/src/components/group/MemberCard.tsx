import { MessageCircle, UserRoundMinus } from "lucide-react";
import { useState } from "react";
import type { Group, Member, Role } from "../../api/types";
import type { Offers } from "../../state/offers";
import { navigate, useSelect, useTidings } from "../../state/react";
import { Avatar } from "../../ui/Avatar";
import { BlockButton } from "../Verification";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { Dialog } from "../../ui/Dialog";
import { t } from "../../ui/i18n";
import { Select } from "../../ui/Select";
import { useDoing } from "./useDoing";

type Props = { group: Group; member: Member; may: Offers; onClose: () => void };

/** One member: what they may do here, and what can be done about it. */
export function MemberCard({ group, member, may, onClose }: Props) {
  const id = group.conversation.conversation;
  const tidings = useTidings();
  const { busy, act } = useDoing();
  const [removing, setRemoving] = useState(false);
  const contact = useSelect((state) => state.contacts?.[member.account]);
  const blocked = useSelect((state) => state.blocked[member.account] !== undefined);
  const roles = may.roles(member);
  const name = member.me ? t("message.you") : member.name;

  const write = async () => {
    if (!contact) return;
    await act(async () => {
      const to = contact.conversation ?? (await tidings.startConversation(contact)).conversation;
      onClose();
      navigate({ page: "chat", id: to });
    });
  };
  const choose = (role: Role) =>
    void act(() => tidings.groups.setRole(id, member.account, role), t("member.role-set"));

  return (
    <Dialog title={name} onClose={onClose} className="dialog-narrow">
      <div className="contact-head">
        <Avatar id={member.account} name={member.name} size="large" online={contact?.online ?? false} />
        <p className="presence">{t("member.nodes", { count: member.nodes })}</p>
      </div>
      {roles.length > 0 ? (
        <Select
          label={t("member.role")}
          value={member.role}
          disabled={busy}
          options={roles.map((it) => ({ value: it, text: t(`role.${it}`) }))}
          onChange={choose}
        />
      ) : (
        <p className="member-role">
          <strong>{t(`role.${member.role}`)}</strong>
        </p>
      )}
      <p className="hint">{t(`role.${member.role}-means`)}</p>
      {!member.me && (
        <div className="dialog-actions">
          {may.remove(member) && (
            <Button tone="danger" icon={<UserRoundMinus />} onClick={() => setRemoving(true)}>
              {t("member.remove")}
            </Button>
          )}
          <BlockButton account={member.account} name={member.name} blocked={blocked} />
          {contact && !blocked && (
            <Button icon={<MessageCircle />} disabled={busy} onClick={() => void write()}>
              {t("contact.message")}
            </Button>
          )}
        </div>
      )}
      {removing && (
        <Confirm
          title={t("member.remove-title", { name: member.name })}
          text={t("member.remove-means", { name: member.name })}
          action={t("member.remove-do")}
          onConfirm={() => act(() => tidings.groups.remove(id, member.account)).then((done) => (done && onClose(), done))}
          onClose={() => setRemoving(false)}
        />
      )}
    </Dialog>
  );
}
