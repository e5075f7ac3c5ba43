import { KeyRound } from "lucide-react";
import { useCallback, useEffect, useId, useState } from "react";
import type { NewToken, Token } from "../../api/types";
import { CopyField } from "../../components/CopyField";
import { useDoing } from "../../components/group/useDoing";
import { useMinute, useSelect, useTidings } from "../../state/react";
import { Avatar } from "../../ui/Avatar";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { ago, until } from "../../ui/format";
import { t } from "../../ui/i18n";
import { Select } from "../../ui/Select";

const day_ms = 86_400_000;
const spans = { month: 30 * day_ms, year: 365 * day_ms, ever: undefined } as const;
type Span = keyof typeof spans;
type May = "read" | "write" | "both";

/** The programs that may come in, what each may do, and a way to let one in. */
export function Tokens() {
  const { client, failed, toast } = useTidings();
  const [tokens, setTokens] = useState<Token[]>();
  const [making, setMaking] = useState(false);
  const now = useMinute();

  const read = useCallback(async () => {
    try {
      setTokens(await client.tokens());
    } catch (error) {
      failed(error);
    }
  }, [client, failed]);
  useEffect(() => void read(), [read]);

  const revoke = async (token: Token) => {
    try {
      await client.revokeToken(token.token);
      toast("info", t("tokens.revoked"));
    } catch (error) {
      failed(error);
    }
    await read();
  };

  return (
    <section className="panel form">
      <h2>{t("tokens.title")}</h2>
      <p className="hint">{t("tokens.lead")}</p>
      {tokens && tokens.length > 0 && (
        <ul role="list" className="sessions">
          {tokens.map((it) => (
            <li key={it.token}>
              <span className="row-icon">
                <KeyRound />
              </span>
              <div>
                <strong dir="auto">{it.name}</strong>
                <p className="hint">{facts(it, now)}</p>
              </div>
              <Button tone="danger" aria-label={t("sessions.revoke-named", { name: it.name })} onClick={() => void revoke(it)}>
                {t("sessions.revoke")}
              </Button>
            </li>
          ))}
        </ul>
      )}
      <div className="form-actions">
        <Button icon={<KeyRound />} onClick={() => setMaking(true)}>
          {t("tokens.new")}
        </Button>
      </div>
      {making && <Making onMade={() => void read()} onClose={() => setMaking(false)} />}
    </section>
  );
}

function facts(token: Token, now: number): string {
  const may = token.read && token.write ? t("tokens.may-both") : token.write ? t("tokens.may-write") : t("tokens.may-read");
  const where = token.conversations ? t("tokens.in", { count: token.conversations.length }) : t("tokens.in-all");
  const used = token.last_used_at_ms;
  const ends = token.expires_at_ms;
  return [
    may,
    where,
    used === undefined ? t("tokens.unused") : t("sessions.last-used", { when: ago(used, now) }),
    ...(ends === undefined ? [] : [ends <= now ? t("tokens.over") : t("tokens.ends", { when: until(ends, now) })]),
  ].join(" · ");
}

/** Says what a program may do, makes its token, and shows that once. */
function Making({ onMade, onClose }: { onMade: () => void; onClose: () => void }) {
  const { client } = useTidings();
  const { busy, act } = useDoing();
  const [name, setName] = useState("");
  const [may, setMay] = useState<May>("read");
  const [span, setSpan] = useState<Span>("month");
  const [where, setWhere] = useState<"all" | "some">("all");
  const [chosen, setChosen] = useState<Set<string>>(new Set());
  const [problem, setProblem] = useState<string>();
  const [text, setText] = useState<string>();
  const [nameId, problemId] = [useId(), useId()];

  const make = () => {
    if (name.trim() === "") return setProblem(t("tokens.no-name"));
    if (where === "some" && chosen.size === 0) return setProblem(t("tokens.no-conversation"));
    setProblem(undefined);
    const expires_in_ms = spans[span];
    const wanted: NewToken = {
      name: name.trim(),
      read: may !== "write",
      write: may !== "read",
      ...(where === "some" && { conversations: [...chosen] }),
      ...(expires_in_ms !== undefined && { expires_in_ms }),
    };
    void act(async () => {
      setText((await client.makeToken(wanted)).text);
      onMade();
    });
  };

  if (text !== undefined) {
    return (
      <Dialog title={t("tokens.made")} onClose={onClose} className="dialog-narrow">
        <p className="lead">{t("tokens.made-hint")}</p>
        <CopyField value={text} label={t("tokens.made")} action={t("copy.do")} primary />
        <div className="dialog-actions">
          <Button onClick={onClose}>{t("tokens.done")}</Button>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title={t("tokens.new")} onClose={onClose} className="dialog-narrow">
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          make();
        }}
      >
        <label htmlFor={nameId}>{t("tokens.name")}</label>
        <input
          id={nameId}
          className="field"
          autoComplete="off"
          maxLength={64}
          aria-describedby={problemId}
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <Select
          label={t("tokens.may")}
          value={may}
          options={[
            { value: "read", text: t("tokens.may-read") },
            { value: "write", text: t("tokens.may-write") },
            { value: "both", text: t("tokens.may-both") },
          ]}
          onChange={setMay}
        />
        <Select
          label={t("tokens.where")}
          value={where}
          options={[
            { value: "all", text: t("tokens.where-all") },
            { value: "some", text: t("tokens.where-some") },
          ]}
          onChange={setWhere}
        />
        {where === "some" && <Conversations chosen={chosen} onChange={setChosen} />}
        <Select
          label={t("tokens.span")}
          value={span}
          options={[
            { value: "month", text: t("tokens.span-month") },
            { value: "year", text: t("tokens.span-year") },
            { value: "ever", text: t("tokens.span-ever") },
          ]}
          onChange={setSpan}
        />
        <div role="alert" id={problemId}>
          {problem !== undefined && <p className="problem">{problem}</p>}
        </div>
        <div className="dialog-actions">
          <Button onClick={onClose}>{t("dialog.cancel")}</Button>
          <Button type="submit" tone="primary" disabled={busy}>
            {t("tokens.make")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Conversations({ chosen, onChange }: { chosen: Set<string>; onChange: (chosen: Set<string>) => void }) {
  const conversations = useSelect((state) => state.conversations);
  const ordered = Object.values(conversations ?? {}).toSorted((a, b) => b.last_at_ms - a.last_at_ms);
  const toggle = (conversation: string) => {
    const next = new Set(chosen);
    if (!next.delete(conversation)) next.add(conversation);
    onChange(next);
  };
  return (
    <fieldset className="picker">
      <legend className="visually-hidden">{t("tokens.where-some")}</legend>
      <ul role="list" className="people">
        {ordered.map((it) => (
          <li key={it.conversation}>
            <label className="row picker-row">
              <Avatar id={it.conversation} name={it.name} />
              <span className="row-body">
                <span className="row-title" dir="auto">
                  {it.name}
                </span>
              </span>
              <input type="checkbox" checked={chosen.has(it.conversation)} onChange={() => toggle(it.conversation)} />
            </label>
          </li>
        ))}
      </ul>
      {ordered.length === 0 && <p className="list-none">{t("tokens.none-to-choose")}</p>}
    </fieldset>
  );
}
