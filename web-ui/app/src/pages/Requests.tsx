import { Ban, Check, Inbox, X } from "lucide-react";
import { useState } from "react";
import type { StrangerRequest } from "../api/types";
import { useDoing } from "../components/group/useDoing";
import { MainHeader } from "../components/MainHeader";
import { Digits } from "../components/SafetyNumber";
import { navigate, useMinute, useSelect, useTidings } from "../state/react";
import { Button } from "../ui/Button";
import { Confirm } from "../ui/Confirm";
import { EmptyState } from "../ui/EmptyState";
import { ago, digitGroups } from "../ui/format";
import { t } from "../ui/i18n";

/** What people began whom the owner does not know. Nothing of theirs is shown but names, as plain text. */
export function Requests() {
  const requests = useSelect((state) => state.requests);
  return (
    <main className="main" id="main" aria-busy={!requests}>
      <MainHeader title={t("strangers.title")} />
      <div className="page">
        {requests?.length === 0 && (
          <EmptyState icon={<Inbox />} title={t("strangers.none-title")} text={t("strangers.none")} />
        )}
        {requests && requests.length > 0 && (
          <>
            <p className="lead">{t("strangers.lead")}</p>
            <ul role="list" className="strangers" aria-label={t("strangers.list")}>
              {requests.map((it) => (
                <Request key={it.conversation} request={it} />
              ))}
            </ul>
          </>
        )}
      </div>
    </main>
  );
}

function Request({ request }: { request: StrangerRequest }) {
  const { strangers } = useTidings();
  const { busy, act } = useDoing();
  const [blocking, setBlocking] = useState(false);
  const now = useMinute();
  const { name, conversation } = request;
  const accept = () => act(() => strangers.accept(conversation)).then((done) => done && navigate({ page: "chat", id: conversation }));
  return (
    <li className="panel">
      <h2 dir="auto">{name}</h2>
      <p>{whatOf(request)}</p>
      <p className="hint">
        {[
          ago(request.at_ms, now),
          !request.direct && t("strangers.people", { count: request.people }),
          t("strangers.messages", { count: request.messages }),
        ]
          .filter(Boolean)
          .join(" · ")}
      </p>
      {request.met_in.length > 0 && (
        <p className="hint" dir="auto">
          {t("strangers.met", { groups: request.met_in.join(", ") })}
        </p>
      )}
      <p className="hint">{t("strangers.claims")}</p>
      <Digits
        label={`${t("strangers.fingerprint", { name })}: ${request.fingerprint}`}
        groups={digitGroups(request.fingerprint)}
      />
      <div className="dialog-actions">
        <Button
          tone="danger"
          icon={<Ban />}
          disabled={busy}
          aria-label={t("strangers.block-of", { name })}
          onClick={() => setBlocking(true)}
        >
          {t("block.do")}
        </Button>
        <Button
          icon={<X />}
          disabled={busy}
          aria-label={t("strangers.refuse-of", { name })}
          onClick={() => void act(() => strangers.refuse(conversation))}
        >
          {t("strangers.refuse")}
        </Button>
        <Button
          tone="primary"
          icon={<Check />}
          disabled={busy}
          aria-label={t("strangers.accept-of", { name })}
          onClick={() => void accept()}
        >
          {t("strangers.accept")}
        </Button>
      </div>
      {blocking && (
        <Confirm
          title={t("block.title", { name })}
          text={t("block.means")}
          action={t("block.do")}
          onConfirm={() => act(() => strangers.block(request.account))}
          onClose={() => setBlocking(false)}
        />
      )}
    </li>
  );
}

/** What they want, in words. */
function whatOf({ direct, group_name }: StrangerRequest): string {
  if (direct) return t("strangers.direct");
  return group_name === "" ? t("strangers.group-unnamed") : t("strangers.group", { name: group_name });
}
