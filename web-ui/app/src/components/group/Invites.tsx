import { Link, QrCode, X } from "lucide-react";
import { useState } from "react";
import type { Group, Invite } from "../../api/types";
import type { Offers } from "../../state/offers";
import { useMinute, useTidings } from "../../state/react";
import { Button, IconButton } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { until } from "../../ui/format";
import { t } from "../../ui/i18n";
import { InviteCard } from "./InviteCard";
import { NewInvite } from "./NewInvite";
import { terms } from "./terms";
import { useDoing } from "./useDoing";

type Props = { group: Group; may: Offers };

/** The links by which people may join. */
export function Invites({ group, may }: Props) {
  const id = group.conversation.conversation;
  const { groups } = useTidings();
  const { act } = useDoing();
  const now = useMinute();
  const [making, setMaking] = useState(false);
  const [shown, setShown] = useState<Invite>();
  const [revoking, setRevoking] = useState<Invite>();
  if (!may.invite && group.invites.length === 0) return null;
  return (
    <section className="panel">
      <h2>{t("invites.title")}</h2>
      {group.invites.length === 0 && <p className="hint">{t("invites.none")}</p>}
      <ul role="list" className="invites">
        {group.invites.map((it) => (
          <li key={it.invite}>
            <div>
              <strong>{terms(it)}</strong>
              <p className="hint">
                {t("invites.by", { name: it.creator_name })}
                {" · "}
                {it.expires_at_ms > now ? t("invites.ends", { when: until(it.expires_at_ms, now) }) : t("invites.ended")}
              </p>
            </div>
            {it.link !== undefined && (
              <IconButton label={t("invites.show", { terms: terms(it) })} onClick={() => setShown(it)}>
                <QrCode />
              </IconButton>
            )}
            {may.revoke(it.creator) && (
              <IconButton label={t("invites.revoke", { terms: terms(it) })} onClick={() => setRevoking(it)}>
                <X />
              </IconButton>
            )}
          </li>
        ))}
      </ul>
      {may.invite && (
        <Button icon={<Link />} onClick={() => setMaking(true)}>
          {t("invites.new")}
        </Button>
      )}
      {making && (
        <NewInvite
          conversation={id}
          onClose={() => setMaking(false)}
          onMade={(made) => {
            setMaking(false);
            setShown(made);
          }}
        />
      )}
      {shown && <InviteCard conversation={id} invite={shown} onClose={() => setShown(undefined)} />}
      {revoking && (
        <Confirm
          title={t("invites.revoke-title")}
          text={t("invites.revoke-means")}
          action={t("invites.revoke-do")}
          onConfirm={() => act(() => groups.revoke(id, revoking.invite), t("invites.revoked"))}
          onClose={() => setRevoking(undefined)}
        />
      )}
    </section>
  );
}
