// Writes dist/.sources.sha256: the one hash of everything the built page was made from (its tests are no part of it).
//
// The hash is SHA-256 over, for each file under web-ui/app (less the top-level folders named below), in the byte
// order of its path: the path (with "/", relative to web-ui/app), a zero byte, the file's SHA-256 in lower hex,
// and a newline. The stamp file holds that hash in lower hex and a newline. `--check` compares instead of writing.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const app = dirname(dirname(fileURLToPath(import.meta.url)));
const stampFile = join(app, "../dist/.sources.sha256");
const leftOut = new Set(["browser", "mock", "node_modules", "test", "test-output"]);

const sha256 = (data) => createHash("sha256").update(data).digest("hex");

function files(folder, prefix) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => prefix !== "" || !leftOut.has(entry.name))
    .flatMap((entry) => {
      const path = prefix + entry.name;
      return entry.isDirectory() ? files(join(folder, entry.name), `${path}/`) : [path];
    });
}

const paths = files(app, "").toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
const lines = paths.map((path) => `${path}\0${sha256(readFileSync(join(app, path)))}\n`);
const stamp = `${sha256(lines.join(""))}\n`;

if (process.argv.includes("--check")) {
  if (readFileSync(stampFile, "utf8") !== stamp) {
    console.error("web-ui/dist is older than web-ui/app: run `npm ci && npm run build` in web-ui/app.");
    process.exit(1);
  }
} else {
  writeFileSync(stampFile, stamp);
}
