// What a person does with groups: each asks the node, and puts what it answers into the state.
import type { Client } from "../api/client";
import type { Contact, Conversation, Frame, Group, GroupPatch, Invite, NewInvite, Role } from "../api/types";
import type { AppEvent } from "./apply";
import type { State } from "./model";

/** Changes of a group come in bursts: it is read again once they pause. */
const reread_ms = 250;

type World = {
  client: Client;
  state: () => State;
  dispatch: (event: AppEvent) => void;
  failed: (error: unknown) => void;
  noticed: (error: unknown) => void;
};

export function createGroups({ client, state, dispatch, failed, noticed }: World) {
  const put = (group: Group): Group => {
    dispatch({ type: "group", group });
    return group;
  };

  const read = async (conversation: string): Promise<void> => {
    try {
      put(await client.group(conversation));
    } catch (error) {
      noticed(error);
    }
  };

  /** Reads a group that is looked at, and keeps it fresh from then on. */
  const open = async (conversation: string): Promise<void> => {
    if (state().groups[conversation]) return;
    try {
      put(await client.group(conversation));
    } catch (error) {
      failed(error);
    }
  };

  const waiting = new Map<string, ReturnType<typeof setTimeout>>();
  /** What the stream said may have changed a group that is held. */
  const heard = (frame: Frame): void => {
    if (frame.type !== "conversation") return;
    const id = frame.conversation.conversation;
    if (!state().groups[id]) return;
    clearTimeout(waiting.get(id));
    waiting.set(
      id,
      setTimeout(() => {
        waiting.delete(id);
        void read(id);
      }, reread_ms),
    );
  };

  const readAll = (): Promise<unknown> => Promise.all(Object.keys(state().groups).map(read));

  const create = async (contacts: Contact[], name: string): Promise<Conversation> => {
    const conversation = await client.startConversation(contacts.map((it) => it.contact), name);
    dispatch({ type: "conversation", conversation });
    return conversation;
  };

  const join = async (link: string): Promise<Conversation> => {
    const conversation = await client.join(link);
    dispatch({ type: "conversation", conversation });
    return conversation;
  };

  const leave = async (id: string): Promise<void> => {
    const conversation = await client.leaveGroup(id);
    dispatch({ type: "conversation", conversation });
    await read(id);
  };

  const invite = async (id: string, wanted: NewInvite): Promise<Invite> => {
    const made = await client.createInvite(id, wanted);
    await read(id);
    return made;
  };

  return {
    open,
    heard,
    readAll,
    create,
    join,
    leave,
    invite,
    change: async (id: string, patch: GroupPatch) => put(await client.changeGroup(id, patch)),
    setPicture: async (id: string, picture: Blob) => put(await client.setPicture(id, picture)),
    dropPicture: async (id: string) => put(await client.dropPicture(id)),
    add: async (id: string, accounts: string[]) => put(await client.addMembers(id, accounts)),
    remove: async (id: string, account: string) => put(await client.removeMember(id, account)),
    setRole: async (id: string, account: string, role: Role) => put(await client.setRole(id, account, role)),
    revoke: async (id: string, it: string) => put(await client.revokeInvite(id, it)),
    decide: async (id: string, account: string, accept: boolean) => put(await client.decide(id, account, accept)),
  };
}
