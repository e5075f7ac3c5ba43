// What is asked about strangers, who is blocked, and who was verified in person.
import type { Call } from "./client";
import type { Blocked, Conversation, StrangerRequest, Verification } from "./types";

export function strangerCalls(call: Call) {
  const id = encodeURIComponent;
  return {
    requests: () => call<StrangerRequest[]>("GET", "requests"),
    acceptRequest: (conversation: string) => call<Conversation>("POST", `requests/${id(conversation)}/accept`, {}),
    refuseRequest: (conversation: string) => call<void>("DELETE", `requests/${id(conversation)}`),
    blocked: () => call<Blocked[]>("GET", "blocked"),
    block: (account: string) => call<void>("PUT", `blocked/${id(account)}`, {}),
    unblock: (account: string) => call<void>("DELETE", `blocked/${id(account)}`),
    verify: (contact: string, safety_number: string) =>
      call<Verification>("PUT", `contacts/${id(contact)}/verification`, { safety_number }),
    unverify: (contact: string) => call<Verification>("DELETE", `contacts/${id(contact)}/verification`),
  };
}

/** Where the code of a contact's safety number is drawn: another number has another address. */
export function safetyCode(contact: string, digits: string): string {
  return `/api/v1/contacts/${encodeURIComponent(contact)}/verification/qr.svg?v=${encodeURIComponent(digits.slice(0, 11))}`;
}
