// Who people are elsewhere: what is proved, on whose word, and how the owner proves it of themself.
import type { Call } from "./client";
import type { Contact, Identity, IdentityAnswer, IdentityBegun, Issuer, MailBegun, NewIssuer } from "./types";

/** Asking an issuer goes out to the net. A guess. */
const issuer_ms_max = 60_000;

export function identityCalls(call: Call) {
  const id = encodeURIComponent;
  return {
    contactsCalled: (identity: string) => call<Contact[]>("GET", `contacts?${new URLSearchParams({ identity })}`),
    identities: () => call<Identity[]>("GET", "identities"),
    beginIdentity: (issuer: string, back: string) =>
      call<IdentityBegun>("POST", "identities/begin", { issuer, back }, {}, issuer_ms_max),
    finishIdentity: (answer: IdentityAnswer) =>
      call<Identity>("POST", "identities/finish", answer, {}, issuer_ms_max),
    beginMail: () => call<MailBegun>("POST", "identities/mail/begin", {}),
    finishMail: (message: string) => call<Identity>("POST", "identities/mail/finish", { message }, {}, issuer_ms_max),
    unlinkIdentity: (identity: string) => call<void>("DELETE", `identities/${id(identity)}`),
    identitiesOf: (contact: string) => call<Identity[]>("GET", `contacts/${id(contact)}/identities`),
    checkIdentitiesOf: (contact: string) =>
      call<Identity[]>("POST", `contacts/${id(contact)}/identities/check`, {}, {}, issuer_ms_max),
    issuers: () => call<Issuer[]>("GET", "issuers"),
    acceptIssuer: (issuer: NewIssuer) => call<void>("PUT", "issuers", issuer),
    rejectIssuer: ({ issuer, client_id }: Issuer) =>
      call<void>("DELETE", `issuers?${new URLSearchParams({ issuer, client_id })}`),
  };
}
