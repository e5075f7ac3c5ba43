// An OpenID issuer: the certified `oidc-provider`, whose keys can be turned over while it runs.
import { once } from "node:events";
import { createServer } from "node:http";
import { exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";

/** Who signs in is who they say; an address that begins with "unverified" was not verified. */
const account = (_context, id) => ({
  accountId: id,
  claims: () => ({
    sub: id,
    email: id.includes("@") ? id : undefined,
    email_verified: id.startsWith("unverified") ? false : id.startsWith("texty") ? "true" : true,
    name: id.split("@")[0],
  }),
});

async function key(alg, kid) {
  const options = { extractable: true, ...(alg === "RS256" ? { modulusLength: 2048 } : {}) };
  const { privateKey } = await generateKeyPair(alg, options);
  return { ...(await exportJWK(privateKey)), use: "sig", alg, kid };
}

export class Issuer {
  /** Starts the issuer at `host`, a name that leads to this machine. */
  static async start(host = "127.0.0.1") {
    const issuer = new Issuer();
    const server = createServer((request, response) => issuer.answer(request, response));
    issuer.server = server;
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    issuer.url = `http://${host}:${server.address().port}`;
    issuer.requests = [];
    await issuer.rotate();
    return issuer;
  }

  /** It is gone, with every connection to it. */
  async stop() {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, "close");
  }

  async answer(request, response) {
    this.requests.push(request.url);
    return this.callback(request, response);
  }

  /** From now on with keys that nobody has seen; the earlier ones are published no more. */
  async rotate() {
    this.generation = (this.generation ?? 0) + 1;
    const keys = [await key("RS256", `rsa-${this.generation}`), await key("ES256", `ec-${this.generation}`)];
    const native = { application_type: "native", token_endpoint_auth_method: "none", grant_types: ["authorization_code"] };
    // A native program's loopback address matches at any port (RFC 8252 §7.3).
    const redirect_uris = ["http://127.0.0.1/identities/callback"];
    const client = (client_id, alg) => ({
      client_id,
      ...native,
      redirect_uris,
      response_types: ["code"],
      id_token_signed_response_alg: alg,
    });
    const provider = new Provider(this.url, {
      clients: [client("tidings", "RS256"), client("tidings-ec", "ES256"), client("another-program", "RS256")],
      jwks: { keys },
      claims: { openid: ["sub"], email: ["email", "email_verified"] },
      conformIdTokenClaims: false,
      features: { devInteractions: { enabled: true } },
      pkce: { required: () => true },
      findAccount: account,
      cookies: { keys: ["for tests only"] },
      ttl: { IdToken: 600, AccessToken: 600, AuthorizationCode: 60, Interaction: 600, Session: 600, Grant: 600 },
    });
    provider.on("server_error", (_context, error) => console.error(error));
    this.callback = provider.callback();
  }
}
