// Says what a first visit downloads, compressed, and fails above the limit (TARGETS T14).
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";

const first_load_bytes_max = 150_000;
const dist = join(dirname(dirname(fileURLToPath(import.meta.url))), "../dist");
const html = readFileSync(join(dist, "index.html"), "utf8");
const linked = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.(?:js|css))"/g)].map((match) => match[1]);

let script_bytes = 0;
for (const path of linked) {
  const data = readFileSync(join(dist, path));
  const gzip = gzipSync(data, { level: 9 }).length;
  if (path.endsWith(".js")) script_bytes += gzip;
  console.log(`${path}  ${data.length} B, gzip ${gzip} B, brotli ${brotliCompressSync(data).length} B`);
}
console.log(`JavaScript on first load: ${script_bytes} B gzip (limit ${first_load_bytes_max})`);
if (script_bytes > first_load_bytes_max) process.exit(1);
