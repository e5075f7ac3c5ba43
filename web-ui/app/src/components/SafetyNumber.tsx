import { digitGroups } from "../ui/format";
import { t } from "../ui/i18n";
import { CopyField } from "./CopyField";

type Props = { name: string; digits: string };

export function SafetyNumber({ name, digits }: Props) {
  if (digits === "") return <p className="hint">{t("contact.safety-none")}</p>;
  const groups = digitGroups(digits);
  return (
    <>
      <Digits label={groups.join(" ")} groups={groups} />
      <p className="hint">{t("contact.safety-hint", { name })}</p>
      <CopyField value={groups.join(" ")} label={t("contact.safety")} action={t("contact.copy-safety")} />
    </>
  );
}

/** Digits in groups of five, as people compare them. */
export function Digits({ label, groups }: { label: string; groups: string[] }) {
  return (
    <p className="safety" dir="ltr" aria-label={label} role="img">
      {groups.map((group, index) => (
        // oxlint-disable-next-line react/no-array-index-key -- groups can repeat and never move
        <span key={index}>{group}</span>
      ))}
    </p>
  );
}
