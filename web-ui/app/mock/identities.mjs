// Who the people of the mock are elsewhere, in each way that a proof can stand.
import { id } from "./world.mjs";

const day = 24 * 3_600_000;

export function identityRoutes(world, now) {
  const proof = (name, standing, more = {}) => ({ identity: id(`proof ${name}`), standing, ...more });
  const held = (email, subject, issuer, days) => ({
    kind: "oidc",
    issuer,
    subject,
    ...(email && { email }),
    made_at_ms: now - 3 * day,
    expires_at_ms: now + days * day,
  });
  const google = "https://accounts.google.com";
  let mine = [proof("mine", "verified", held("lena.hartmann@example.org", "1093", google, 177))];
  const theirs = [
    proof("one", "verified", held("amara@example.org", "77120", google, 90)),
    proof("two", "carried", held(undefined, "a.okafor", "https://id.harbour-library.example/realms/staff", 3)),
    proof("three", "refused", { reason: "the proof was issued to another program" }),
    proof("four", "missing"),
  ];
  let issuers = [
    { issuer: google, client_id: "184467440737-k3v0sq2l9d7m1tidings.apps.googleusercontent.com", own: true },
    { issuer: "https://id.harbour-library.example/realms/staff", client_id: "tidings", own: false },
  ];
  const of = (contact) => (contact === world.contacts[0].contact ? theirs : []);
  return [
    ["GET", /^identities$/, () => mine],
    ["POST", /^identities\/begin$/, () => ({ url: "/identities/callback?code=a-code&state=a-state" })],
    ["POST", /^identities\/finish$/, () => mine[0]],
    ["POST", /^identities\/mail\/begin$/, () => ({ subject: `Tidings proof ${"k7".repeat(21)}8` })],
    ["POST", /^identities\/mail\/finish$/, () => mine[0]],
    ["DELETE", /^identities\/(\w+)$/, () => {
      mine = [];
      return { status: 204 };
    }],
    ["GET", /^contacts\/(\w+)\/identities$/, ([contact]) => of(contact)],
    ["POST", /^contacts\/(\w+)\/identities\/check$/, ([contact]) => of(contact)],
    ["GET", /^issuers$/, () => issuers],
    ["PUT", /^issuers$/, (_, { issuer, client_id, own }) => {
      issuers = [...issuers, { issuer, client_id, own }];
      return { status: 204 };
    }],
    ["DELETE", /^issuers$/, () => {
      issuers = issuers.slice(1);
      return { status: 204 };
    }],
  ];
}
