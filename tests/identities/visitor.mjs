// A person in a browser, as far as signing in needs one: follows redirects, keeps cookies, fills in forms.

const steps_max = 20;

/** Goes to `url` and signs in as `login`, until sent to an address that begins with `back`: that address. */
export async function visit({ url, login, back }) {
  const cookies = new Map();
  let next = { url };
  for (let step = 0; step < steps_max; step += 1) {
    const { url, body } = next;
    const jar = cookies.get(new URL(url).host) ?? new Map();
    cookies.set(new URL(url).host, jar);
    const response = await fetch(url, {
      method: body === undefined ? "GET" : "POST",
      body,
      redirect: "manual",
      headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; ") },
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      jar.set(name, value);
    }
    const location = response.headers.get("location");
    if (location !== null) {
      const target = new URL(location, url).href;
      if (target.startsWith(back)) return target;
      next = { url: target };
      continue;
    }
    const page = await response.text();
    const action = page.match(/<form[^>]*action="([^"]*)"/)?.[1]?.replaceAll("&#38;", "&").replaceAll("&amp;", "&");
    if (!response.ok || action === undefined) throw new Error(`${url} answered ${response.status}: ${page.slice(0, 2_000)}`);
    const fields = new URLSearchParams();
    for (const [input] of page.matchAll(/<input[^>]*>/g)) {
      const field = (name) => input.match(new RegExp(`${name}="?([^"\\s>]*)`))?.[1];
      const name = field("name");
      if (name !== undefined) fields.set(name, name === "login" ? login : (field("value") ?? "any"));
    }
    next = { url: new URL(action, url).href, body: fields };
  }
  throw new Error(`${url} leads nowhere`);
}
