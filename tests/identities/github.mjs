// A server that speaks GitHub's endpoints for signing in, users, their signing keys and gists.
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

const client = { id: "tidings-at-github", secret: "not much of a secret" };
const escape = (text) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

export class GitHub {
  static async start() {
    const github = new GitHub();
    const server = createServer((request, response) => {
      github.answer(request, response).catch((error) => {
        console.error(error);
        response.writeHead(500).end();
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    github.url = `http://127.0.0.1:${server.address().port}`;
    return github;
  }

  client = client;
  requests = [];
  codes = new Map();
  tokens = new Map();
  /** Login names to what is known of them. */
  users = new Map();
  gists = new Map();

  /** Makes a user, or changes what is known of one; numbers stay with people when they change their names. */
  set({ login, id, keys = [] }) {
    this.users.set(login, { login, id, keys });
  }

  rename(login, name) {
    const user = this.users.get(login);
    this.users.delete(login);
    this.users.set(name, { ...user, login: name });
  }

  gist({ id, owner, files }) {
    this.gists.set(id, { id, owner, files });
  }

  async answer(request, response) {
    const url = new URL(request.url, this.url);
    this.requests.push(`${request.method} ${url.pathname}`);
    const body = await text(request);
    const json = (status, value) => {
      response.writeHead(status, { "content-type": "application/json; charset=utf-8" });
      response.end(JSON.stringify(value));
    };
    const missing = () => json(404, { message: "Not Found", documentation_url: "https://docs.github.com/rest", status: "404" });
    const user = ({ login, id }) => ({ login, id, node_id: `U_${id}`, type: "User", html_url: `${this.url}/${login}` });
    const match = (pattern) => url.pathname.match(pattern)?.[1];

    if (url.pathname === "/login/oauth/authorize") return this.authorize(request, url, body, response);
    if (url.pathname === "/login/oauth/access_token" && request.method === "POST") return json(200, this.exchange(body, request));
    if (url.pathname === "/user") {
      const login = this.tokens.get(request.headers.authorization?.replace(/^Bearer /i, ""));
      const who = [...this.users.values()].find((one) => one.id === login);
      return who === undefined ? json(401, { message: "Bad credentials", status: "401" }) : json(200, user(who));
    }
    const keys = match(/^\/users\/([^/]+)\/ssh_signing_keys$/);
    if (keys !== undefined) {
      const who = this.users.get(keys);
      return who === undefined ? missing() : json(200, who.keys.map((key, at) => ({ id: at + 1, key, title: `key ${at}`, created_at: "2026-01-01T00:00:00Z" })));
    }
    const number = match(/^\/user\/(\d+)$/);
    const name = match(/^\/users\/([^/]+)$/);
    if (number !== undefined || name !== undefined) {
      const who = [...this.users.values()].find((one) => `${one.id}` === number || one.login === name);
      return who === undefined ? missing() : json(200, user(who));
    }
    const gist = this.gists.get(match(/^\/gists\/([0-9a-f]+)$/));
    if (gist !== undefined) {
      const owner = this.users.get(gist.owner);
      const files = Object.entries(gist.files).map(([filename, content]) => [
        filename,
        { filename, type: "text/plain", size: Buffer.byteLength(content), truncated: false, content },
      ]);
      return json(200, { id: gist.id, public: true, owner: user(owner), files: Object.fromEntries(files) });
    }
    return missing();
  }

  /** The page on which a person says who they are and agrees; then back to the program with a code. */
  authorize(request, url, body, response) {
    const asked = Object.fromEntries(url.searchParams);
    if (asked.client_id !== client.id) return response.writeHead(404).end();
    if (request.method !== "POST") {
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
      const action = escape(`${url.pathname}${url.search}`);
      response.end(`<!doctype html><title>Authorize</title><form method=post action="${action}">
        <label>Username <input name=login></label><button>Authorize</button></form>`);
      return;
    }
    const login = new URLSearchParams(body).get("login");
    const who = this.users.get(login);
    if (who === undefined) return response.writeHead(422).end("nobody has that name");
    const code = randomBytes(10).toString("hex");
    this.codes.set(code, { id: who.id, asked });
    const back = new URL(asked.redirect_uri);
    back.searchParams.set("code", code);
    if (asked.state !== undefined) back.searchParams.set("state", asked.state);
    response.writeHead(302, { location: back.href });
    response.end();
  }

  /** As GitHub does: errors are told with status 200. */
  exchange(body, request) {
    const kind = request.headers["content-type"] ?? "";
    const asked = kind.startsWith("application/json") ? JSON.parse(body) : Object.fromEntries(new URLSearchParams(body));
    const wrong = (error) => ({ error, error_description: `${error} here`, error_uri: "https://docs.github.com" });
    if (asked.client_id !== client.id || asked.client_secret !== client.secret) return wrong("incorrect_client_credentials");
    const grant = this.codes.get(asked.code);
    this.codes.delete(asked.code);
    if (grant === undefined) return wrong("bad_verification_code");
    if (asked.redirect_uri !== undefined && asked.redirect_uri !== grant.asked.redirect_uri) return wrong("redirect_uri_mismatch");
    const challenge = createHash("sha256").update(asked.code_verifier ?? "").digest("base64url");
    if (grant.asked.code_challenge_method !== "S256" || grant.asked.code_challenge !== challenge) return wrong("bad_verification_code");
    const token = `gho_${randomBytes(18).toString("hex")}`;
    this.tokens.set(token, grant.id);
    return { access_token: token, scope: "", token_type: "bearer" };
  }
}

async function text(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}
