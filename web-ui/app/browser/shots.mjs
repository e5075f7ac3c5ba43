// Pictures of every screen into test-output/: for people to look at.
import { mkdirSync } from "node:fs";
import { screens } from "./screens.mjs";
import { launch } from "./launch.mjs";
import { startMock } from "../mock/server.mjs";

const only = process.argv[2];
mkdirSync("test-output", { recursive: true });
const browser = await launch();
for (const size of [
  { name: "desktop", width: 1280, height: 800 },
  { name: "phone", width: 390, height: 844 },
]) {
  for (const scheme of ["light", "dark"]) {
    for (const screen of screens) {
      const name = `${screen.name}-${size.name}-${scheme}`;
      if (only && !name.includes(only)) continue;
      const mock = await startMock({ empty: screen.empty ?? false, signedIn: screen.signedIn ?? true });
      const context = await browser.newContext({
        viewport: { width: size.width, height: size.height },
        colorScheme: scheme,
        hasTouch: size.name === "phone",
        isMobile: size.name === "phone",
        deviceScaleFactor: 1,
        permissions: ["clipboard-read", "clipboard-write"],
      });
      const page = await context.newPage();
      page.on("console", (message) => message.type() === "error" && console.log(`${name}: ${message.text()}`));
      page.on("pageerror", (error) => console.log(`${name}: ${error.stack}`));
      await page.goto(mock.origin + screen.path(mock));
      await screen.ready(page, mock, size);
      await page.waitForTimeout(350);
      await page.screenshot({ path: `test-output/${name}.png` });
      await context.close();
      await mock.stop();
    }
  }
}
await browser.close();
