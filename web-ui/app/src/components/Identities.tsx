import { AtSign, BadgeCheck } from "lucide-react";
import type { Identity } from "../api/types";
import { useMinute } from "../state/react";
import { Button } from "../ui/Button";
import { until } from "../ui/format";
import { t } from "../ui/i18n";

type Props = { identities: Identity[]; onUnlink?: (identity: Identity) => void };

/** Who somebody is elsewhere, each with how far that is proved. */
export function Identities({ identities, onUnlink }: Props) {
  const now = useMinute();
  return (
    <ul role="list" className="sessions identities">
      {identities.map((it) => (
        <li key={it.identity}>
          <span className="row-icon">
            {it.standing === "verified" ? <BadgeCheck /> : <AtSign />}
          </span>
          <div>
            <strong dir="auto" className="breaks">
              {it.email ?? it.subject ?? t("identities.unknown")}
            </strong>
            {it.issuer !== undefined && (
              <p className="hint breaks" dir="ltr">
                {issuerName(it.issuer)}
              </p>
            )}
            <p className={it.standing === "refused" ? "problem" : "hint"} data-standing={it.standing}>
              {howProved(it)}
              {it.expires_at_ms !== undefined && ` · ${t("identities.until", { when: until(it.expires_at_ms, now) })}`}
            </p>
          </div>
          {onUnlink && (
            <Button
              tone="danger"
              aria-label={t("identities.unlink-named", { who: whoElsewhere(it) })}
              onClick={() => onUnlink(it)}
            >
              {t("identities.unlink")}
            </Button>
          )}
        </li>
      ))}
    </ul>
  );
}

/** ada@example.org at accounts.example.org, as far as it is proved. */
export function whoElsewhere({ email, subject, issuer }: Identity): string {
  const who = email ?? subject;
  if (who !== undefined && issuer === undefined) return who;
  if (who === undefined || issuer === undefined) return t("identities.unknown");
  return t("identities.at", { who, issuer: issuerName(issuer) });
}

/** An issuer without what all of them have. */
export const issuerName = (issuer: string): string => issuer.replace(/^https:\/\//, "").replace(/\/$/, "");

function howProved({ standing, reason, kind }: Identity): string {
  if (standing === "refused") return t("identities.refused", { reason: reason ?? "" });
  return standing === "verified" && kind === "mail" ? t("identities.verified-mail") : t(`identities.${standing}`);
}
