// A run on a local store, with a token, and events to deliver to it.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, until } from "./demo.mjs";

export const TOKEN = "a-token-of-the-browser-tests";

/** Starts `shutterlag run`; resolves once it is ready. */
export async function run(t, { token = TOKEN } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "shutterlag-browser-")), address = `127.0.0.1:${await freePort()}`;
  writeFileSync(join(folder, "config.toml"), `[http]\nlisten = "${address}"\n${token ? `token = "${token}"\n` : ""}[store]\npath = "${folder}/store.db"\n`);
  const child = spawn(process.env.SHUTTERLAG_PROGRAM, ["run", "--config", join(folder, "config.toml")], { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, SHUTTERLAG_IDENTITY_KEY: "an identity key of the browser tests" } });
  let log = "";
  child.stderr.on("data", (chunk) => { log += chunk; });
  t.after(async () => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true });
  });
  const url = `http://${address}`, headers = token ? { authorization: `Bearer ${token}` } : {};
  const ask = (path, options = {}) => fetch(`${url}${path}`, { ...options, headers: { ...headers, ...options.headers } });
  await until(`a run that is ready: ${log}`, async () => {
    if (child.exitCode !== null) throw new Error(`the run ended: ${log}`);
    return (await ask("/readyz").catch(() => null))?.status === 200;
  });
  /** Delivers events, and waits until the view shows `windows` windows. */
  const deliver = async (events, windows) => {
    const answer = await ask("/in/events", { method: "POST", headers: { "content-type": "application/x-ndjson" }, body: events.map((event) => JSON.stringify(event)).join("\n") });
    if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`);
    await until(`${windows} windows`, async () => (await (await ask("/readyz")).json()).view.windows >= windows);
  };
  return { url, ask, deliver };
}

let number = 0;
/** An event that happened so many seconds ago. */
export function event(type, credential_id, seconds, more = {}) {
  number += 1;
  return { id: `browser-${number}`, type, credential_id, time: new Date(Date.now() - 1000 * seconds).toISOString(), source: "browser-test", ...more };
}

/** A leak that was found so many seconds ago. */
export const leak = (name, seconds, more) => event("leak.detected", name, seconds, { location: "example-org/app", owner: "payments", severity: "high", ...more });
