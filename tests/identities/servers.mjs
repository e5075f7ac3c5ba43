// The servers that the tests of identities talk to: an issuer, a GitHub and a mail provider, on the loopback.
// A line of JSON in says what to do; a line of JSON out what came of it.
import "./quiet.mjs";
import { createInterface } from "node:readline";
import { GitHub } from "./github.mjs";
import { Issuer } from "./issuer.mjs";
import { Mail } from "./mail.mjs";
import { visit } from "./visitor.mjs";

const [issuer, github, mail] = await Promise.all([Issuer.start(), GitHub.start(), Mail.start()]);
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const orders = {
  rotate_issuer: () => issuer.rotate(),
  rotate_mail: () => mail.rotate(),
  user: (user) => github.set(user),
  rename: ({ login, name }) => github.rename(login, name),
  gist: (gist) => github.gist(gist),
  signed: (message) => mail.signed(message),
  visit,
  inbox: () => mail.received,
  asked: () => ({ issuer: issuer.requests, github: github.requests, dns: mail.questions }),
};
say({
  issuer: issuer.url,
  github: github.url,
  github_client: github.client,
  smtp: mail.smtp.port,
  dns: mail.dns.address().port,
  mail_domain: mail.domain,
});
for await (const line of createInterface({ input: process.stdin })) {
  const { order, ...rest } = JSON.parse(line);
  try {
    say({ done: (await orders[order](rest)) ?? null });
  } catch (error) {
    say({ failed: `${error.stack ?? error}` });
  }
}
process.exit();
