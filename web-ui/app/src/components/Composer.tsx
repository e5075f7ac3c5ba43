import { Reply, SendHorizontal, X } from "lucide-react";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import type { KeyboardEvent } from "react";
import type { Conversation, Message } from "../api/types";
import { loadDraft, saveDraft } from "../state/keep";
import { text_bytes_max } from "../state/model";
import { useTidings } from "../state/react";
import { IconButton } from "../ui/Button";
import { bytes, utf8Bytes } from "../ui/format";
import { t } from "../ui/i18n";

/** From here on the composer says how much room is left. */
const warn_bytes_left = 4_096;
const height_px_max = 200;

type Props = { conversation: Conversation; replyTo: Message | undefined; onCancelReply: () => void };

export function Composer({ conversation, replyTo, onCancelReply }: Props) {
  const id = conversation.conversation;
  const { send } = useTidings();
  const [text, setText] = useState(() => loadDraft(sessionStorage, id));
  const field = useRef<HTMLTextAreaElement>(null);
  const left = text.length * 3 < text_bytes_max - warn_bytes_left ? text_bytes_max : text_bytes_max - utf8Bytes(text.trim());
  const sendable = text.trim() !== "" && left >= 0;

  const change = (value: string) => {
    setText(value);
    saveDraft(sessionStorage, id, value);
  };

  useLayoutEffect(() => {
    const area = field.current;
    if (!area) return;
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight, height_px_max)}px`;
  }, [text]);

  // On a phone the keyboard would cover what one came to read.
  useEffect(() => {
    if (matchMedia("(hover: hover)").matches) field.current?.focus();
  }, []);
  useEffect(() => {
    if (replyTo) field.current?.focus();
  }, [replyTo]);

  const submit = () => {
    if (!sendable) return;
    send(id, text.trim(), replyTo?.message);
    change("");
    onCancelReply();
    field.current?.focus();
  };

  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Escape" && replyTo) {
      event.preventDefault();
      event.stopPropagation();
      onCancelReply();
    } else if (event.key === "Enter" && !event.shiftKey && matchMedia("(hover: hover)").matches) {
      event.preventDefault();
      submit();
    }
  };

  const replyName = replyTo?.mine
    ? t("composer.replying-self")
    : t("composer.replying", { name: replyTo?.sender_name ?? "" });
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {replyTo && (
        <div className="composer-reply">
          <Reply aria-hidden="true" />
          <div>
            <strong>{replyName}</strong>
            <p dir="auto">{replyTo.text.slice(0, 200)}</p>
          </div>
          <IconButton label={t("composer.cancel-reply")} onClick={onCancelReply}>
            <X />
          </IconButton>
        </div>
      )}
      <div className="composer-row">
        <textarea
          ref={field}
          rows={1}
          dir="auto"
          value={text}
          aria-label={t("composer.label", { name: conversation.name })}
          aria-invalid={left < 0}
          placeholder={t("composer.placeholder")}
          onInput={(event) => change(event.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
        <button type="submit" className="composer-send" aria-label={t("composer.send")} title={t("composer.send")} disabled={!sendable}>
          <SendHorizontal />
        </button>
      </div>
      <p className={left < 0 ? "composer-room over" : "composer-room"} role="status">
        {left < 0 && t("composer.too-long", { size: bytes(-left) })}
        {left >= 0 && left < warn_bytes_left && t("composer.room-left", { size: bytes(left) })}
      </p>
    </form>
  );
}
