// The groups of the mock: what their members agreed on, and the routes that change it. A group is changed as the node
// does it: the change, a line about it in the transcript, an event.
import { id } from "./world.mjs";

const minute = 60_000;
const day = 24 * 60 * minute;
const picture_bytes_max = 12 * 1024;

/** Puts a few groups into a world, one for each way to stand to a group. */
export function addGroups(world, now) {
  world.groups = new Map();
  world.pictures = new Map();
  const person = (name) => world.contacts.find((it) => it.name === name);
  const [amara, jonas, mei, noor, tomas] = ["Amara", "Jonas", "Mei", "Noor", "Tomás"].map((start) =>
    world.contacts.find((it) => it.name.startsWith(start)),
  );

  const garden = make(world, { name: "Library garden", people: [amara, jonas, mei, noor, tomas], at_ms: now - 6 * day });
  garden.conversation.topic = "Saturdays at ten, behind the library";
  role(garden, jonas, "admin");
  role(garden, noor, "read_only");
  garden.history = { kind: "days", days: 30 };
  garden.could_be_hybrid = true;
  garden.requests.push({ account: id("Ruth Adler"), name: "Ruth Adler", invite: id("garden link"), asked_at_ms: now - 25 * minute });
  garden.invites.push(
    { invite: id("garden link"), creator: world.me.account, creator_name: world.me.name, expires_at_ms: now + 3 * day, uses: 4, role: "member", approval: true, link: link("garden link") },
    { invite: id("jonas link"), creator: jonas.contact, creator_name: jonas.name, expires_at_ms: now + 20 * day, role: "read_only", approval: false },
  );
  garden.pending.push("Changing what new members see is made again, because the group went on without it.");
  garden.given_up.push("Changing the name was given up: somebody else changed the same thing at the same time.");
  line(world, garden, me(world), "You created the group", [{ change: "created" }], now - 6 * day);
  line(world, garden, me(world), "You added Amara Okafor, Jonas Lindqvist and Mei-Ling Chen", [amara, jonas, mei].map(added), now - 6 * day + minute);
  say(world, garden, amara, "Lovely, now everybody is in one place.", now - 6 * day + 3 * minute);
  say(world, garden, mei, "I can bring compost, about forty litres.", now - 5 * day);
  line(world, garden, jonas, "Jonas Lindqvist renamed the group to “Library garden”", [{ change: "renamed", from: "Garden", to: "Library garden" }], now - 5 * day + minute);
  line(world, garden, jonas, "Jonas Lindqvist added Noor al-Rashid and Tomás Herrera", [noor, tomas].map(added), now - 5 * day + 2 * minute);
  const shared = say(world, garden, jonas, "The bed along the wall is ours until October.", now - 4 * day);
  Object.assign(shared, { shared_by: amara.contact, shared_by_name: amara.name });
  const late = say(world, garden, tomas, "I was in the mountains without any signal. Count me in!", now - 3 * day);
  Object.assign(late, { late: true, received_at_ms: now - day });
  line(world, garden, me(world), "You made Jonas Lindqvist an admin", [{ change: "role_set", account: jonas.contact, name: jonas.name, role: "admin" }], now - 2 * day);
  say(world, garden, me(world), "Who has a wheelbarrow?", now - 3 * 60 * minute, "delivered");
  say(world, garden, jonas, "I do. It squeaks, but it rolls.", now - 2 * 60 * minute);
  say(world, garden, jonas, "And soup, as promised.", now - 2 * 60 * minute + minute);
  say(world, garden, me(world), "See you all there!", now - 20 * minute, "stored");
  garden.spread = ["seen", "delivered", "delivered", "stored", "queued"];

  const book = make(world, { name: "Book club", people: [mei, person("Priya Raman")], at_ms: now - 9 * day, my_role: "read_only", owner: mei });
  say(world, book, mei, "Next up: The Left Hand of Darkness.", now - 9 * day);
  const board = make(world, { name: "House board", people: [jonas, amara], at_ms: now - 10 * day, my_role: "member", owner: jonas });
  say(world, board, jonas, "The minutes are in the mail.", now - 10 * day);
  line(world, board, jonas, "Jonas Lindqvist removed you", [{ change: "removed", account: world.me.account, name: world.me.name }], now - 9.5 * day);
  stand(board, "removed");
  const choir = make(world, { name: "Choir", people: [], at_ms: now - 11 * day, my_role: "member" });
  choir.conversation.members.length = 0;
  stand(choir, "joining");
  const band = make(world, { name: "Brass band", people: [], at_ms: now - 11.5 * day, my_role: "member" });
  band.conversation.members.length = 0;
  stand(band, "removed");
  band.conversation.refused = "The invite was refused: the invite has expired.";
  const walk = make(world, { name: "Sunday walk", people: [tomas, noor], at_ms: now - 12 * day, my_role: "member", owner: tomas });
  say(world, walk, tomas, "Same place, same time.", now - 12 * day);
  stand(walk, "coming_back");
  walk.conversation.can_write = true;
  walk.suite = "hybrid";
}

const link = (name) => `tidings://join/${Buffer.from(id(name) + id(`${name} more`)).toString("base64url").repeat(2)}`;
const me = (world) => ({ contact: world.me.account, name: world.me.name });
const added = (it) => ({ change: "added", account: it.contact, name: it.name });
const memberOf = (it) => ({ account: it.contact, name: it.name, me: false, role: "member", nodes: 1 });

export function make(world, { name, people, at_ms, my_role = "owner", owner }) {
  const conversation = {
    conversation: id(`group ${name} ${world.groups.size}`),
    name,
    topic: "",
    standing: "member",
    my_role,
    can_write: my_role !== "read_only",
    direct: false,
    members: [{ account: world.me.account, name: world.me.name, me: true, role: my_role, nodes: 2 }, ...people.map(memberOf)],
    unread: 0,
    last_at_ms: at_ms,
  };
  const group = {
    conversation,
    history: { kind: "nothing" },
    disappearing_s: 0,
    may_invite: "everybody",
    may_edit: "everybody",
    invites: [],
    suite: "classic",
    could_be_hybrid: false,
    requests: [],
    pending: [],
    given_up: [],
  };
  if (owner) role(group, owner, "owner");
  world.conversations.set(conversation.conversation, conversation);
  world.messages.set(conversation.conversation, []);
  world.groups.set(conversation.conversation, group);
  return group;
}

function role(group, { contact }, to) {
  group.conversation.members.find((it) => it.account === contact).role = to;
}

function stand(group, standing) {
  group.conversation.standing = standing;
  group.conversation.can_write = false;
}

function say(world, group, from, text, at_ms, state) {
  const mine = from.contact === world.me.account;
  return world.add(group.conversation, { mine, text, at_ms, state, sender: { account: from.contact, name: from.name } });
}

function line(world, group, by, text, changes, at_ms) {
  return Object.assign(say(world, group, by, text, at_ms), { kind: "system", changes, state: by.contact === world.me.account ? "seen" : "received" });
}

/** The routes of groups. `problem` and `emit` are the server's. */
export function groupRoutes(world, { emit, problem, notFound }) {
  const withGroup = (run) => (match, body, query, headers) => {
    const group = world.groups.get(match[0]);
    return group ? run(group, match.slice(1), body, headers) : notFound("conversation");
  };
  const changed = (group, text, ...changes) => {
    if (text) emit({ type: "message", message: line(world, group, me(world), text, changes, Date.now()) });
    emit({ type: "conversation", conversation: group.conversation });
    return group;
  };
  const named = (group, account) => group.conversation.members.find((it) => it.account === account);

  return [
    ["GET", /^conversations\/(\w+)\/group$/, withGroup((group) => group)],
    ["PUT", /^conversations\/(\w+)\/group$/, withGroup((group, _, { name, topic, ...rules }) => {
      const { conversation } = group;
      Object.assign(group, rules);
      if (topic !== undefined) conversation.topic = topic;
      if (name !== undefined) {
        const from = conversation.name;
        conversation.name = name;
        return changed(group, `You renamed the group to “${name}”`, { change: "renamed", from, to: name });
      }
      return changed(group, topic === undefined ? "You changed how this group works" : `You set the topic to “${topic}”`);
    })],
    ["PUT", /^conversations\/(\w+)\/picture$/, withGroup((group, _, body, headers) => {
      const type = headers["content-type"];
      if (!["image/webp", "image/jpeg", "image/png"].includes(type)) return problem(415, "unsupported_media_type", "A picture is PNG, JPEG or WebP.");
      if (body.length > picture_bytes_max) return problem(422, "bad_picture", "A picture has at most 12 KiB.");
      world.pictures.set(group.conversation.conversation, { type, body });
      group.conversation.picture = id(body.toString("base64"));
      return changed(group, "You changed the picture", { change: "picture_set" });
    })],
    ["DELETE", /^conversations\/(\w+)\/picture$/, withGroup((group) => {
      delete group.conversation.picture;
      return changed(group, "You removed the picture", { change: "picture_set" });
    })],
    ["POST", /^conversations\/(\w+)\/members$/, withGroup((group, _, { accounts }) => {
      const people = world.contacts.filter((it) => accounts.includes(it.contact));
      group.conversation.members.push(...people.map(memberOf));
      return changed(group, `You added ${people.map((it) => it.name).join(", ")}`, ...people.map(added));
    })],
    ["DELETE", /^conversations\/(\w+)\/members\/(\w+)$/, withGroup((group, [account]) => {
      const member = named(group, account);
      if (!member) return notFound("member");
      group.conversation.members = group.conversation.members.filter((it) => it !== member);
      return changed(group, `You removed ${member.name}`, { change: "removed", account, name: member.name });
    })],
    ["PUT", /^conversations\/(\w+)\/members\/(\w+)\/role$/, withGroup((group, [account], { role: to }) => {
      const member = named(group, account);
      if (member.me && member.role === "owner" && to !== "owner" && group.conversation.members.filter((it) => it.role === "owner").length === 1) {
        return problem(403, "last_owner", "A group keeps an owner: make somebody else one first.");
      }
      member.role = to;
      return changed(group, `You made ${member.name} ${to}`, { change: "role_set", account, name: member.name, role: to });
    })],
    ["POST", /^conversations\/(\w+)\/leave$/, withGroup((group) => {
      changed(group, "You left", { change: "left", account: world.me.account, name: world.me.name });
      stand(group, "left");
      return changed(group).conversation;
    })],
    ["POST", /^conversations\/(\w+)\/invites$/, withGroup((group, _, wanted) => {
      const name = `link ${group.invites.length} ${Date.now()}`;
      const invite = {
        invite: id(name), creator: world.me.account, creator_name: world.me.name, expires_at_ms: Date.now() + wanted.expires_in_ms,
        ...(wanted.uses === null ? {} : { uses: wanted.uses ?? 1 }), role: wanted.role, approval: wanted.approval, link: link(name),
      };
      group.invites.push(invite);
      changed(group, "You made an invite link", { change: "invite_made" });
      return invite;
    })],
    ["DELETE", /^conversations\/(\w+)\/invites\/(\w+)$/, withGroup((group, [invite]) => {
      group.invites = group.invites.filter((it) => it.invite !== invite);
      return changed(group, "You revoked an invite link", { change: "invite_revoked" });
    })],
    ["POST", /^conversations\/(\w+)\/requests\/(\w+)$/, withGroup((group, [account], { accept }) => {
      const asked = group.requests.find((it) => it.account === account);
      group.requests = group.requests.filter((it) => it !== asked);
      if (!accept) return changed(group);
      group.conversation.members.push(memberOf({ contact: account, name: asked.name }));
      return changed(group, `${asked.name} joined by your link`, { change: "joined", account, name: asked.name });
    })],
    ["POST", /^join$/, (_, { link: wanted }) => {
      if (!wanted.startsWith("tidings://join/")) return problem(422, "bad_link", "This is not an invite link. It should start with tidings://join/ and be copied whole.");
      if (wanted.endsWith("revoked")) return problem(403, "invite_refused", "This link was revoked. Ask for a fresh one.");
      const group = make(world, { name: "Chess evening", people: [], at_ms: Date.now(), my_role: "member" });
      group.conversation.members.length = 0;
      stand(group, "joining");
      return changed(group).conversation;
    }],
  ];
}
