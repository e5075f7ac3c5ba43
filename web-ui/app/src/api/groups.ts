// What is asked about groups: members, roles, rules, links to join by.
import type { Call } from "./client";
import type { Conversation, Group, GroupPatch, Invite, NewInvite, Role } from "./types";

/** A picture is at most this many bytes; the node refuses more. */
export const picture_bytes_max = 12 * 1024;

const of = (conversation: string, rest: string): string => `conversations/${encodeURIComponent(conversation)}/${rest}`;

export function groupCalls(call: Call) {
  const id = encodeURIComponent;
  return {
    group: (conversation: string) => call<Group>("GET", of(conversation, "group")),
    changeGroup: (conversation: string, patch: GroupPatch) => call<Group>("PUT", of(conversation, "group"), patch),
    setPicture: (conversation: string, picture: Blob) => call<Group>("PUT", of(conversation, "picture"), picture),
    dropPicture: (conversation: string) => call<Group>("DELETE", of(conversation, "picture")),
    addMembers: (conversation: string, accounts: string[]) =>
      call<Group>("POST", of(conversation, "members"), { accounts }),
    removeMember: (conversation: string, account: string) =>
      call<Group>("DELETE", of(conversation, `members/${id(account)}`)),
    setRole: (conversation: string, account: string, role: Role) =>
      call<Group>("PUT", of(conversation, `members/${id(account)}/role`), { role }),
    leaveGroup: (conversation: string) => call<Conversation>("POST", of(conversation, "leave"), {}),
    createInvite: (conversation: string, invite: NewInvite) =>
      call<Invite>("POST", of(conversation, "invites"), invite),
    revokeInvite: (conversation: string, invite: string) =>
      call<Group>("DELETE", of(conversation, `invites/${id(invite)}`)),
    decide: (conversation: string, account: string, accept: boolean) =>
      call<Group>("POST", of(conversation, `requests/${id(account)}`), { accept }),
    join: (link: string) => call<Conversation>("POST", "join", { link }),
  };
}

/** Where a group's picture is; another picture has another address. */
export function pictureAddress({ conversation, picture }: Conversation): string | undefined {
  if (picture === undefined) return undefined;
  return `/api/v1/conversations/${encodeURIComponent(conversation)}/picture?v=${encodeURIComponent(picture)}`;
}

/** The code that a link to join by is scanned from. */
export function inviteCodeAddress(conversation: string, invite: string): string {
  return `/api/v1/conversations/${encodeURIComponent(conversation)}/invites/${encodeURIComponent(invite)}/qr.svg`;
}
