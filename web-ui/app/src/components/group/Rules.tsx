import type { Group, GroupPatch, History, Who } from "../../api/types";
import type { Offers } from "../../state/offers";
import { useTidings } from "../../state/react";
import { duration } from "../../ui/format";
import { t } from "../../ui/i18n";
import { Select } from "../../ui/Select";
import { useDoing } from "./useDoing";

type Props = { group: Group; may: Offers };

const days_offered = [1, 7, 30, 90];
const seconds_offered = [0, 3_600, 86_400, 604_800, 2_592_000];

/** What the members agreed on: history, disappearing messages, who may do what. */
export function Rules({ group, may }: Props) {
  const id = group.conversation.conversation;
  const { groups } = useTidings();
  const { busy, act } = useDoing();
  const change = (patch: GroupPatch) => void act(() => groups.change(id, patch));
  const held = historyValue(group.history);
  const histories = ["nothing", ...withHeld(days_offered.map(String), held), "everything"];
  const timers = withHeld(seconds_offered.map(String), String(group.disappearing_s));
  return (
    <section className="panel rules">
      <h2>{t("rules.title")}</h2>
      <Select
        label={t("rules.history")}
        value={held}
        disabled={busy || !may.rules}
        options={histories.map((it) => ({ value: it, text: historyText(it) }))}
        onChange={(value) => change({ history: historyOf(value) })}
      />
      <Select
        label={t("rules.disappearing")}
        value={String(group.disappearing_s)}
        disabled={busy || !may.rules}
        options={timers.map((it) => ({ value: it, text: it === "0" ? t("rules.off") : duration(Number(it)) }))}
        onChange={(value) => change({ disappearing_s: Number(value) })}
      />
      <p className="hint">{t("rules.disappearing-hint")}</p>
      <Permission label={t("rules.may-invite")} value={group.may_invite} disabled={busy || !may.permissions} onChange={(may_invite) => change({ may_invite })} />
      <Permission label={t("rules.may-edit")} value={group.may_edit} disabled={busy || !may.permissions} onChange={(may_edit) => change({ may_edit })} />
      {!may.rules && <p className="hint">{t("rules.admins-only")}</p>}
    </section>
  );
}

type PermissionProps = { label: string; value: Who; disabled: boolean; onChange: (who: Who) => void };

function Permission({ label, value, disabled, onChange }: PermissionProps) {
  const options = (["everybody", "admins"] as const).map((it) => ({ value: it, text: t(`rules.${it}`) }));
  return <Select label={label} value={value} disabled={disabled} options={options} onChange={onChange} />;
}

const withHeld = (offered: string[], held: string): string[] =>
  offered.includes(held) || Number.isNaN(Number(held)) ? offered : [...offered, held].toSorted((a, b) => Number(a) - Number(b));

const historyValue = (history: History): string => (history.kind === "days" ? String(history.days) : history.kind);

function historyOf(value: string): History {
  if (value === "nothing" || value === "everything") return { kind: value };
  return { kind: "days", days: Number(value) };
}

function historyText(value: string): string {
  if (value === "nothing" || value === "everything") return t(`rules.history-${value}`);
  return t("rules.history-days", { count: Number(value) });
}
