// A mail provider: takes mail from its people over SMTP, signs it with DKIM and delivers it; and the DNS that has its key.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import nodemailer from "nodemailer";
import { SMTPServer } from "smtp-server";

export class Mail {
  static async start(domain = "example.test") {
    const mail = new Mail();
    mail.domain = domain;
    mail.rotate();
    const server = new SMTPServer({
      // The test that starts this makes the certificate, and the authority that the client is told to trust.
      ...(process.env.TLS_KEY ? { key: readFileSync(process.env.TLS_KEY), cert: readFileSync(process.env.TLS_CERT) } : {}),
      authOptional: true,
      disabledCommands: [],
      onAuth: ({ username, password }, _session, done) =>
        password === `password of ${username}` ? done(null, { user: username }) : done(new Error("Invalid username or password")),
      onData: (stream, session, done) => {
        const pieces = [];
        stream.on("data", (piece) => pieces.push(piece));
        stream.on("end", () => {
          const to = session.envelope.rcptTo.map(({ address }) => address);
          mail.received.push({ to, tls: session.secure, user: session.user, raw: Buffer.concat(pieces).toString() });
          done();
        });
      },
    });
    // A client that does not trust the certificate breaks off: that is its right.
    server.on("error", () => {});
    const listening = server.listen(0, "127.0.0.1");
    await once(listening, "listening");
    mail.smtp = listening.address();
    mail.dns = createSocket("udp4");
    mail.dns.on("message", (question, from) => {
      const answer = mail.lookUp(question);
      if (answer !== undefined) mail.dns.send(answer, from.port, from.address);
    });
    mail.dns.bind(0, "127.0.0.1");
    await once(mail.dns, "listening");
    return mail;
  }

  received = [];
  questions = [];
  records = new Map();

  /** A new key under a new selector; the earlier one is published no more. */
  rotate() {
    this.generation = (this.generation ?? 0) + 1;
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    this.selector = `s${this.generation}`;
    this.privateKey = privateKey.export({ type: "pkcs8", format: "pem" });
    const spki = publicKey.export({ type: "spki", format: "der" }).toString("base64");
    this.records.clear();
    this.records.set(`${this.selector}._domainkey.${this.domain}`, `v=DKIM1; k=rsa; p=${spki}`);
  }

  /** A mail as the provider sends it on for one of its people. */
  async signed({ from, to, subject, text = "Sent by hand.", headers = {}, date = new Date() }) {
    const transport = nodemailer.createTransport({
      streamTransport: true,
      buffer: true,
      newline: "windows",
      dkim: { domainName: this.domain, keySelector: this.selector, privateKey: this.privateKey },
    });
    const { message } = await transport.sendMail({ from, to, subject, text, headers, date });
    return message.toString();
  }

  /** The answer to a question for a TXT record (RFC 1035 §4). */
  lookUp(question) {
    const labels = [];
    let at = 12;
    while (question[at] !== 0 && at < question.length) {
      labels.push(question.subarray(at + 1, at + 1 + question[at]).toString());
      at += 1 + question[at];
    }
    const kind = question.readUInt16BE(at + 1);
    const name = labels.join(".").toLowerCase();
    this.questions.push(name);
    const record = kind === 16 ? this.records.get(name) : undefined;
    const asked = question.subarray(12, at + 5);
    const head = Buffer.alloc(12);
    question.copy(head, 0, 0, 2);
    // An answer with authority; "no such name" where there is none.
    head.writeUInt16BE(record === undefined ? 0x8583 : 0x8580, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(record === undefined ? 0 : 1, 6);
    if (record === undefined) return Buffer.concat([head, asked]);
    const strings = record.match(/.{1,255}/g).map((part) => Buffer.concat([Buffer.from([part.length]), Buffer.from(part)]));
    const data = Buffer.concat(strings);
    const fixed = Buffer.alloc(12);
    fixed.writeUInt16BE(0xc00c, 0);
    fixed.writeUInt16BE(16, 2);
    fixed.writeUInt16BE(1, 4);
    fixed.writeUInt32BE(60, 6);
    fixed.writeUInt16BE(data.length, 10);
    return Buffer.concat([head, asked, fixed, data]);
  }
}
