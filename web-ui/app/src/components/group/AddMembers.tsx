import { useState } from "react";
import type { Conversation } from "../../api/types";
import { useSelect, useTidings } from "../../state/react";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { t } from "../../ui/i18n";
import { PeoplePicker } from "../PeoplePicker";
import { useDoing } from "./useDoing";

type Props = { conversation: Conversation; onClose: () => void };

/** Contacts who are not in the group yet, to be added at once. */
export function AddMembers({ conversation, onClose }: Props) {
  const { groups } = useTidings();
  const { busy, act } = useDoing();
  const [chosen, setChosen] = useState(new Set<string>());
  const known = useSelect((state) => state.contacts);
  const members = new Set(conversation.members.map((it) => it.account));
  const others = Object.values(known ?? {})
    .filter((it) => !members.has(it.contact))
    .toSorted((a, b) => a.name.localeCompare(b.name));
  const add = async () => {
    if (await act(() => groups.add(conversation.conversation, [...chosen]))) onClose();
  };
  return (
    <Dialog title={t("group.add")} onClose={onClose} className="dialog-narrow">
      {others.length === 0 ? (
        <p className="lead">{t("group.add-none")}</p>
      ) : (
        <PeoplePicker contacts={others} chosen={chosen} onChange={setChosen} label={t("group.add")} />
      )}
      <div className="dialog-actions">
        <Button onClick={onClose}>{t("dialog.cancel")}</Button>
        {others.length > 0 && (
          <Button tone="primary" disabled={busy || chosen.size === 0} onClick={() => void add()}>
            {t("group.add-do")}
          </Button>
        )}
      </div>
    </Dialog>
  );
}
