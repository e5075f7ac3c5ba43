// What survives a reload of the tab: drafts, and texts the node has not confirmed.
import type { Outgoing } from "./model";

const outgoingKey = "tidings.outgoing";
const draftKey = (conversation: string) => `tidings.draft.${conversation}`;

export function loadOutgoing(keep: Storage): Outgoing[] {
  try {
    const kept: unknown = JSON.parse(keep.getItem(outgoingKey) ?? "[]");
    if (!Array.isArray(kept)) return [];
    // Asked or not, the idempotency key makes it safe to ask again.
    return (kept as Outgoing[]).map((it) => (it.phase === "sending" ? { ...it, phase: "waiting" } : it));
  } catch {
    return [];
  }
}

export function saveOutgoing(keep: Storage, outgoing: Outgoing[]): void {
  try {
    if (outgoing.length === 0) keep.removeItem(outgoingKey);
    else keep.setItem(outgoingKey, JSON.stringify(outgoing));
  } catch {
    // A full or forbidden storage costs the reload, not the message.
  }
}

export function loadDraft(keep: Storage, conversation: string): string {
  return keep.getItem(draftKey(conversation)) ?? "";
}

export function saveDraft(keep: Storage, conversation: string, text: string): void {
  try {
    if (text === "") keep.removeItem(draftKey(conversation));
    else keep.setItem(draftKey(conversation), text);
  } catch {
    // As above.
  }
}
