import { ImageUp, Trash2 } from "lucide-react";
import { useId, useRef, useState } from "react";
import { picture_bytes_max, pictureAddress } from "../../api/groups";
import type { Group, GroupPatch } from "../../api/types";
import { useTidings } from "../../state/react";
import { Avatar } from "../../ui/Avatar";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { t } from "../../ui/i18n";
import { groupPicture } from "../picture";
import { NameField } from "./NameField";

type Props = { group: Group; onClose: () => void };

/** The group's name, topic and picture. */
export function EditGroup({ group, onClose }: Props) {
  const { conversation } = group;
  const id = conversation.conversation;
  const { groups } = useTidings();
  const [name, setName] = useState(conversation.name);
  const [topic, setTopic] = useState(conversation.topic);
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  const file = useRef<HTMLInputElement>(null);
  const topicId = useId();

  const attempt = async (work: () => Promise<unknown>): Promise<boolean> => {
    setBusy(true);
    setProblem(undefined);
    try {
      await work();
      return true;
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      return false;
    } finally {
      setBusy(false);
    }
  };

  const save = async () => {
    const patch: GroupPatch = {};
    if (name.trim() !== conversation.name) patch.name = name.trim();
    if (topic.trim() !== conversation.topic) patch.topic = topic.trim();
    if (patch.name === "") {
      setProblem(t("group.name-empty"));
      return;
    }
    if (Object.keys(patch).length === 0 || (await attempt(() => groups.change(id, patch)))) onClose();
  };

  const choose = async (chosen: File | undefined) => {
    if (!chosen) return;
    let picture: Blob;
    try {
      picture = await groupPicture(chosen, picture_bytes_max);
    } catch {
      setProblem(t("group.bad-picture"));
      return;
    }
    await attempt(() => groups.setPicture(id, picture));
  };

  return (
    <Dialog title={t("group.edit")} onClose={onClose} className="dialog-narrow">
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <div className="edit-picture">
          <Avatar id={id} name={name} size="huge" picture={pictureAddress(conversation)} />
          <div className="edit-picture-actions">
            <Button icon={<ImageUp />} disabled={busy} onClick={() => file.current?.click()}>
              {t("group.picture-choose")}
            </Button>
            {conversation.picture !== undefined && (
              <Button icon={<Trash2 />} disabled={busy} onClick={() => void attempt(() => groups.dropPicture(id))}>
                {t("group.picture-remove")}
              </Button>
            )}
            <input
              ref={file}
              type="file"
              accept="image/*"
              hidden
              aria-label={t("group.picture-choose")}
              onChange={(event) => {
                const field = event.currentTarget;
                void choose(field.files?.[0]).finally(() => (field.value = ""));
              }}
            />
          </div>
        </div>
        <NameField name={name} problem={problem} onChange={setName} />
        <label htmlFor={topicId}>{t("group.topic")}</label>
        <input
          id={topicId}
          className="field"
          type="text"
          dir="auto"
          autoComplete="off"
          maxLength={160}
          value={topic}
          onInput={(event) => setTopic(event.currentTarget.value)}
        />
        <p className="hint">{t("group.edit-hint")}</p>
        <div className="dialog-actions">
          <Button onClick={onClose}>{t("dialog.cancel")}</Button>
          <Button type="submit" tone="primary" disabled={busy}>
            {t("group.save")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
