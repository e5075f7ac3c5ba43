// A real Tidings node: the program itself, on a home of its own, killed with the test.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const program = process.env.TIDINGS;
const ready_ms_max = 60_000;

/** Every node that runs; none outlives the test. */
const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

export class TidingsNode {
  /** Starts a node on `home` and resolves once it serves its page. `http` is kept over restarts. */
  static async start(home, name, http = "127.0.0.1:0", more = []) {
    const listen = ["--listen", "/ip4/127.0.0.1/tcp/0", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1"];
    const child = spawn(
      program,
      ["--home", home, "--json", "up", "--name", name, ...listen, "--http", http, "--no-mdns", "--no-upnp", ...more],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    running.add(child);
    const node = new TidingsNode(child, home, name);
    child.stderr.on("data", (bytes) => (node.stderr = (node.stderr + bytes).slice(-20_000)));
    node.ended = once(child, "exit").finally(() => running.delete(child));
    const lines = createInterface({ input: child.stdout });
    const ready = new Promise((resolve) => {
      lines.on("line", (line) => {
        const printed = JSON.parse(line);
        if (printed.event === "ready") resolve(printed);
      });
    });
    const died = node.ended.then(([code]) => Promise.reject(new Error(`${name}'s node ended with ${code}:\n${node.stderr}`)));
    died.catch(() => {});
    const late = new Promise((_, reject) => {
      const message = () => new Error(`${name}'s node was not ready after ${ready_ms_max} ms:\n${node.stderr}`);
      setTimeout(() => reject(message()), ready_ms_max).unref();
    });
    node.ready = await Promise.race([ready, died, late]);
    node.http = new URL(node.ready.http).host;
    return node;
  }

  constructor(child, home, name) {
    Object.assign(this, { child, home, name, stderr: "" });
  }

  /** Pulls the plug. */
  async kill() {
    this.child.kill("SIGKILL");
    await this.ended;
  }

  /** Starts it again, on the same home and at the same address of the page. */
  async restart() {
    return TidingsNode.start(this.home, this.name, `127.0.0.1:${new URL(this.ready.sign_in).port}`);
  }
}
