import { useState } from "react";
import type { Invite, Role } from "../../api/types";
import { useTidings } from "../../state/react";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { t } from "../../ui/i18n";
import { Select } from "../../ui/Select";
import { useDoing } from "./useDoing";

type Props = { conversation: string; onClose: () => void; onMade: (invite: Invite) => void };

const hour_ms = 3_600_000;
const spans = { hour: hour_ms, day: 24 * hour_ms, week: 168 * hour_ms, month: 720 * hour_ms } as const;
type Span = keyof typeof spans;
const numbers = ["1", "5", "25", "any"] as const;
type Uses = (typeof numbers)[number];

/** Says what a new link is good for, and makes it. */
export function NewInvite({ conversation, onClose, onMade }: Props) {
  const { groups } = useTidings();
  const { busy, act } = useDoing();
  const [uses, setUses] = useState<Uses>("1");
  const [span, setSpan] = useState<Span>("week");
  const [role, setRole] = useState<Role>("member");
  const [approval, setApproval] = useState(false);

  const make = () =>
    act(async () => {
      const wanted = { role, approval, expires_in_ms: spans[span], uses: uses === "any" ? null : Number(uses) };
      onMade(await groups.invite(conversation, wanted));
    });

  return (
    <Dialog title={t("invites.new")} onClose={onClose} className="dialog-narrow">
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void make();
        }}
      >
        <p className="lead">{t("invites.lead")}</p>
        <Select
          label={t("invites.for")}
          value={uses}
          options={numbers.map((it) => ({
            value: it,
            text: it === "any" ? t("invites.uses-any") : t("invites.uses", { count: Number(it) }),
          }))}
          onChange={setUses}
        />
        <Select
          label={t("invites.span")}
          value={span}
          options={(Object.keys(spans) as Span[]).map((it) => ({ value: it, text: t(`invites.span-${it}`) }))}
          onChange={setSpan}
        />
        <label className="check">
          <input type="checkbox" checked={role === "read_only"} onChange={() => setRole(role === "member" ? "read_only" : "member")} />
          <span>{t("invites.read-only-long")}</span>
        </label>
        <label className="check">
          <input type="checkbox" checked={approval} onChange={() => setApproval(!approval)} />
          <span>{t("invites.approval-long")}</span>
        </label>
        <div className="dialog-actions">
          <Button onClick={onClose}>{t("dialog.cancel")}</Button>
          <Button type="submit" tone="primary" disabled={busy}>
            {t("invites.make")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
