// What a browser test stands on: one browser, homes that go with the test, and what is said when it fails.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

// The browser's driver is one of the page's packages.
const require = createRequire(new URL("../../web-ui/app/package.json", import.meta.url));
const { chromium } = require("playwright-core");
export const { AxeBuilder } = require("@axe-core/playwright");

export const screenshots = process.env.SCREENSHOTS;

/** Whoever a test opened: their pages are pictured when it fails. */
export const everybody = [];

export const complaints = () => everybody.flatMap((person) => person.complaints);

let doing = "starting";
/** One thing that the test does, with the time that it took. */
export async function step(name, work) {
  doing = name;
  const began = performance.now();
  const result = await work();
  console.log(`${Math.round(performance.now() - began).toString().padStart(6)} ms  ${name}`);
  return result;
}

/** Runs a test and ends the process with what came of it. */
export async function play(whole_test_ms_max, work) {
  setTimeout(() => {
    console.error(`hung at: ${doing}`);
    process.exit(1);
  }, whole_test_ms_max).unref();
  const homes = await mkdtemp(join(tmpdir(), "tidings-browser-"));
  await mkdir(screenshots, { recursive: true });
  const asRoot = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  // What attackers have their names point at: this machine.
  const names = ["--host-resolver-rules=MAP *.example 127.0.0.1"];
  // Newer browsers keep public sites from this machine by themselves. The node does not count on it.
  const unguarded = ["--disable-features=LocalNetworkAccessChecks"];
  const args = [...asRoot, ...names, ...unguarded];
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args });
  try {
    await work({ browser, homes });
  } catch (error) {
    for (const person of everybody) {
      const path = join(screenshots, `failed-${everybody.indexOf(person)}-${person.name}.png`);
      await person.page.screenshot({ path }).catch(() => {});
    }
    console.error(`while ${doing}: ${error.stack ?? error}\nscreenshots: ${screenshots}`);
    console.error(complaints().join("\n"));
    process.exitCode = 1;
  } finally {
    await browser.close();
    await rm(homes, { recursive: true, force: true });
    process.exit();
  }
}
