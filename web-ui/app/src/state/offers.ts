// What the page offers to do in a group. Nothing is decided here: the node refuses what is not allowed, with a
// sentence; this only spares a person the buttons that would be refused.
import type { Conversation, Group, Member, Role, Who } from "../api/types";

const leads = (role: Role): boolean => role === "owner" || role === "admin";
const below = (role: Role): boolean => role === "member" || role === "read_only";

const byPower: Role[] = ["owner", "admin", "member", "read_only"];

/** Where no owner is left, whoever has the most powerful role of all can do what an owner can. */
function power({ members, my_role }: Conversation): Role {
  const highest = byPower.find((role) => members.some((it) => it.role === role));
  return my_role === highest ? "owner" : my_role;
}

export type Offers = {
  /** Name, topic, picture. */
  edit: boolean;
  /** People and links. */
  invite: boolean;
  /** History, disappearing messages. */
  rules: boolean;
  /** Who may invite and edit. */
  permissions: boolean;
  decide: boolean;
  remove: (member: Member) => boolean;
  roles: (member: Member) => Role[];
  revoke: (creator: string) => boolean;
};

const nothing: Offers = {
  edit: false,
  invite: false,
  rules: false,
  permissions: false,
  decide: false,
  remove: () => false,
  roles: () => [],
  revoke: () => false,
};

export function offers({ conversation, may_edit, may_invite }: Group): Offers {
  if (conversation.standing !== "member" && conversation.standing !== "coming_back") return nothing;
  const mine = power(conversation);
  const owner = mine === "owner";
  const leading = leads(mine);
  const allowed = (who: Who): boolean => leading || (who === "everybody" && mine === "member");
  const me = conversation.members.find((it) => it.me)?.account;
  return {
    edit: allowed(may_edit),
    invite: allowed(may_invite),
    rules: leading,
    permissions: owner,
    decide: leading,
    remove: (member) => !member.me && (owner || (leading && below(member.role))),
    roles: (member) => {
      if (owner) return byPower;
      if (member.me) return leading ? byPower.slice(1) : [];
      return leading && below(member.role) ? byPower.slice(2) : [];
    },
    revoke: (creator) => leading || creator === me,
  };
}
