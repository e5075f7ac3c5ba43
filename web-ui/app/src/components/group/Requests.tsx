import { Check, X } from "lucide-react";
import type { Group } from "../../api/types";
import type { Offers } from "../../state/offers";
import { useMinute, useTidings } from "../../state/react";
import { Avatar } from "../../ui/Avatar";
import { IconButton } from "../../ui/Button";
import { ago } from "../../ui/format";
import { t } from "../../ui/i18n";
import { useDoing } from "./useDoing";

type Props = { group: Group; may: Offers };

/** Who asks to join. */
export function Requests({ group, may }: Props) {
  const id = group.conversation.conversation;
  const { groups } = useTidings();
  const { busy, act } = useDoing();
  const now = useMinute();
  if (group.requests.length === 0) return null;
  return (
    <section className="panel">
      <h2>{t("requests.title")}</h2>
      <ul role="list" className="requests">
        {group.requests.map((it) => (
          <li key={it.account}>
            <Avatar id={it.account} name={it.name} size="small" />
            <div>
              <strong dir="auto">{it.name}</strong>
              <p className="hint">{t("requests.asked", { when: ago(it.asked_at_ms, now) })}</p>
            </div>
            {may.decide && (
              <>
                <IconButton
                  label={t("requests.refuse", { name: it.name })}
                  disabled={busy}
                  onClick={() => void act(() => groups.decide(id, it.account, false))}
                >
                  <X />
                </IconButton>
                <IconButton
                  label={t("requests.accept", { name: it.name })}
                  className="icon-button-good"
                  disabled={busy}
                  onClick={() => void act(() => groups.decide(id, it.account, true))}
                >
                  <Check />
                </IconButton>
              </>
            )}
          </li>
        ))}
      </ul>
      <p className="hint">{may.decide ? t("requests.hint") : t("requests.admins")}</p>
    </section>
  );
}
