import { Info, Lock, ShieldCheck } from "lucide-react";
import type { Group } from "../../api/types";
import { t } from "../../ui/i18n";

/** What the group's keys are agreed on with, and why that matters. */
export function Encryption({ group }: { group: Group }) {
  const hybrid = group.suite === "hybrid";
  return (
    <section className="panel">
      <h2>{t("encryption.title")}</h2>
      <p className="fact">
        {hybrid ? <ShieldCheck aria-hidden="true" /> : <Lock aria-hidden="true" />}
        <strong>{t(`encryption.${group.suite}`)}</strong>
      </p>
      <p className="hint">{t(`encryption.${group.suite}-means`)}</p>
      {group.could_be_hybrid && (
        <p className="note">
          <Info aria-hidden="true" />
          <span>{t("encryption.could-be-hybrid")}</span>
        </p>
      )}
    </section>
  );
}
