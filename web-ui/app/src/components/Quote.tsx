import { useEffect } from "react";
import { useSelect, useTidings } from "../state/react";
import { tone } from "../ui/format";
import { t } from "../ui/i18n";

type Props = { id: string; conversation: string; reach: number; onJump: (message: string) => void };

/** The message that a reply answers; a way to go there. */
export function Quote({ id, conversation, reach, onJump }: Props) {
  const { quote } = useTidings();
  const held = useSelect((state) => state.timelines[conversation]?.messages.find((it) => it.message === id));
  const fetched = useSelect((state) => state.quoted[id]);
  const message = held ?? fetched;
  useEffect(() => {
    if (message === undefined) void quote(id);
  }, [id, message, quote]);
  if (!message) return <p className="quote quote-unknown">{t("message.quoted-unknown")}</p>;
  const name = message.mine ? t("message.you") : message.sender_name;
  return (
    <button
      type="button"
      className="quote"
      data-tone={tone(message.sender)}
      tabIndex={reach}
      onClick={() => onJump(id)}
    >
      <span className="visually-hidden">{t("message.quoted")} </span>
      <span className="quote-name">{name}</span>
      <span className="quote-text" dir="auto">
        {message.text.slice(0, 300)}
      </span>
    </button>
  );
}
