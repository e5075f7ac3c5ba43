import { readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";

// React source, Preact runtime: the whole page has to arrive within 150 KB, and Preact is a tenth of React's size.
const preact = {
  react: "preact/compat",
  "react-dom": "preact/compat",
  "react-dom/client": "preact/compat/client",
  "react/jsx-runtime": "preact/jsx-runtime",
  "react/jsx-dev-runtime": "preact/jsx-runtime",
};

const node = process.env.TIDINGS_HTTP ?? "http://127.0.0.1:7373";

export default defineConfig({
  plugins: [
    {
      name: "third-party",
      // What the built page contains of others, with the terms it comes under.
      generateBundle() {
        const shipped = ["preact", "lucide-react", "jsqr", "@fontsource-variable/inter"];
        const source = shipped
          .map((name) => `${name}\n\n${readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim()}\n`)
          .join(`\n${"-".repeat(80)}\n\n`);
        this.emitFile({ type: "asset", fileName: "third-party.txt", source });
      },
    },
    {
      name: "paint-once",
      transformIndexHtml: {
        order: "post",
        // The theme a person chose is applied by the script: no first paint before it ran.
        handler: (html) => html.replace('<script type="module"', '<script type="module" blocking="render"'),
      },
    },
  ],
  oxc: { jsx: { runtime: "automatic", importSource: "react" } },
  resolve: { alias: preact, dedupe: ["preact"] },
  build: {
    outDir: "../dist",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    sourcemap: false,
  },
  server: { proxy: { "/api": { target: node, ws: true } } },
  test: { include: ["test/**/*.test.ts"], environment: "node" },
});
