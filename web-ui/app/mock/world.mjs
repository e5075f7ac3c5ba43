// Invented people and what they wrote: enough to show every state the page can be in. Deterministic.
import { createHash } from "node:crypto";

export const id = (name) => createHash("sha256").update(name).digest("hex");

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const people = [
  { name: "Amara Okafor", online: true },
  { name: "Jonas Lindqvist", online: false },
  { name: "Mei-Ling Chen", online: true },
  { name: "Noor al-Rashid", online: false },
  { name: "Tomás Herrera", online: true },
  { name: "ليلى حداد", online: false },
  { name: "Priya Raman", online: false },
  { name: "Oskar", online: false },
];

const amara = [
  [2 * day + 3 * hour, 1, "Did the seeds arrive?"],
  [2 * day + 3 * hour - minute, 0, "Yes! All of them, and the little note too. Thank you so much."],
  [2 * day + 3 * hour - 2 * minute, 0, "I put the tomatoes on the windowsill. It is still too cold outside at night."],
  [2 * day + 2 * hour, 1, "Good. They want about three weeks inside.\nThen harden them off: an hour outside on the first day, two on the second, and so on."],
  [day + 5 * hour, 0, "How do I know when they need a bigger pot?"],
  [day + 4 * hour, 1, "When the roots show at the bottom. There is a nice guide here: https://example.org/tomatoes/potting-on"],
  [day + 4 * hour - minute, 1, "Second picture from the top."],
  [day + 3 * hour, 0, "Perfect."],
  [3 * hour, 1, "Are you still coming on Saturday? We would start around ten, in the garden behind the library."],
  [2 * hour + 50 * minute, 0, "Of course. Shall I bring anything?", 8],
  [2 * hour + 44 * minute, 1, "Gloves, if you have them."],
  [2 * hour + 43 * minute, 1, "And something for the shared table. Jonas makes soup, Priya said she would bake."],
  [40 * minute, 0, "I have two pairs, so there is one to lend. And I will make the lemon cake you liked last time."],
  [12 * minute, 1, "Oh yes please"],
  [11 * minute, 1, "See you at ten!"],
];

export function createWorld(now = Date.now(), long = 2_000) {
  const me = { account: id("me"), name: "Ines Carvalho" };
  const contacts = people.map(({ name, online }, index) => ({
    contact: id(name),
    name,
    added: true,
    card_complete: name !== "Oskar",
    safety_number: name === "Oskar" ? "" : digits(name),
    online,
    blocked: false,
    ...(index < 6 ? { conversation: id(`with ${name}`) } : {}),
  }));
  const conversations = new Map();
  const messages = new Map();
  let place = 0;

  const open = (contact) => {
    const conversation = {
      conversation: id(`with ${contact.name}`),
      name: contact.name,
      topic: "",
      standing: "member",
      my_role: "owner",
      can_write: true,
      direct: true,
      members: [
        { account: me.account, name: me.name, me: true, role: "owner", nodes: 1 },
        { account: contact.contact, name: contact.name, me: false, role: "owner", nodes: 1 },
      ],
      unread: 0,
      last_at_ms: now,
    };
    contact.conversation = conversation.conversation;
    conversations.set(conversation.conversation, conversation);
    messages.set(conversation.conversation, []);
    return conversation;
  };

  const add = (conversation, { mine, text, at_ms, state, reply_to, sender }) => {
    place += 1;
    const other = sender ?? conversation.members.find((it) => !it.me);
    const message = {
      message: id(`message ${place} ${conversation.conversation}`),
      conversation: conversation.conversation,
      sender: mine ? me.account : other.account,
      sender_name: mine ? me.name : other.name,
      mine,
      sent_at_ms: at_ms,
      received_at_ms: at_ms + 120,
      place,
      text,
      state: state ?? (mine ? "seen" : "received"),
      kind: "text",
      late: false,
      ...(reply_to ? { reply_to } : {}),
    };
    messages.get(conversation.conversation).push(message);
    conversation.last_message = message;
    conversation.last_at_ms = at_ms;
    if (!mine && !state) conversation.seen_up_to = message.message;
    return message;
  };

  const [first, second, third, fourth, fifth, sixth] = contacts.map((it, index) => (index < 6 ? open(it) : undefined));
  const written = [];
  for (const [ago, theirs, text, reply] of amara) {
    written.push(
      add(first, { mine: theirs === 0, text, at_ms: now - ago, reply_to: reply === undefined ? undefined : written[reply].message }),
    );
  }

  for (let index = 0; index < long; index += 1) {
    const at_ms = now - 40 * day + Math.round((index * 39.9 * day) / long);
    add(second, { mine: index % 3 === 1, text: `${sentences[index % sentences.length]} (${index + 1})`, at_ms });
  }
  // Long after what was seen: the page has to open in the middle.
  second.seen_up_to = messages.get(second.conversation).at(-6).message;
  second.unread = messages.get(second.conversation).slice(-5).filter((it) => !it.mine).length;

  add(third, { mine: false, text: "The keys are with the neighbour on the second floor.", at_ms: now - day - 2 * hour });
  add(third, { mine: true, text: "Got them, thank you!", at_ms: now - day - hour, state: "delivered" });
  add(fourth, { mine: true, text: "Happy birthday! I hope it is a good one.", at_ms: now - 3 * day, state: "stored" });
  add(fifth, { mine: false, text: "Can you read this?", at_ms: now - 5 * day });
  add(fifth, { mine: true, text: "Loud and clear.", at_ms: now - 5 * day + 4 * minute, state: "queued" });
  add(sixth, { mine: true, text: "مرحبا ليلى، كيف حالك؟", at_ms: now - 8 * day });
  add(sixth, { mine: false, text: "بخير، شكرًا! نلتقي يوم الأحد في المقهى الجديد؟", at_ms: now - 8 * day + hour });

  return { me, contacts, conversations, messages, add, open };
}

const sentences = [
  "The ferry leaves at half past seven, and it does not wait.",
  "I will be there.",
  "Fixed the gate. The hinge was the problem, not the lock, so the old key works again.",
  "Can you send me the address once more?",
  "Nice!",
  "We should do this more often.",
  "The meeting moved to Thursday, same room. They promised to keep it under an hour this time, but bring a book.",
];

function digits(name) {
  const hash = createHash("sha512").update(name).digest();
  return Array.from(hash.subarray(0, 60), (byte) => byte % 10).join("");
}
