// A demo to look at: started, and ended with the test.
import { spawn } from "node:child_process";
import { createServer } from "node:net";

/** Starts the demo; resolves once it says where it is served. */
export async function demo(t, listen = "127.0.0.1:0") {
  const child = spawn(process.env.SHUTTERLAG_PROGRAM, ["demo", "--listen", listen], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGTERM"));
  const address = await new Promise((resolve, reject) => {
    let said = "";
    child.stdout.on("data", (chunk) => {
      said += chunk;
      const found = /http:\/\/([\d.:]+)\//.exec(said);
      if (found) resolve(found[1]);
    });
    child.once("exit", () => reject(new Error(`the demo ended: ${said}`)));
  });
  return { url: `http://${address}`, address, child };
}

/** A port that was free a moment ago. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject).listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** How long anything may take: what is quick on a machine of one's own may take minutes on one that many share. */
export const PATIENCE_MS = 300_000;

/** Asks until `check` gives something. */
export async function until(what, check) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${PATIENCE_MS / 1000} s: ${what}`);
    await wait(100);
  }
}
