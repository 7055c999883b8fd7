// The pages as they are, with a stream and answers that a test makes up.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { demo } from "./demo.mjs";

const PAGE = `${process.env.SHUTTERLAG_ROOT}/src/runtime/http/board/page`;

let policy = null;
/** The policy that the server gives its pages. The demo that tells it ends: it would load the machine. */
async function policyOf(t) {
  const real = await demo(t), answer = await fetch(real.url);
  real.child.kill("SIGTERM");
  return answer.headers.get("content-security-policy");
}

/** The pages as they are, with a stream made by the test, and `answer(path)` as `[status, value]` where the test has one. */
export async function made(t, frames, answer = () => null) {
  const types = { html: "text/html", css: "text/css", js: "text/javascript", svg: "image/svg+xml" };
  policy ??= policyOf(t);
  const headers = { "content-security-policy": await policy };
  const server = createServer(async (request, response) => {
    if (request.url === "/api/v1/session") { response.writeHead(200, { "content-type": "application/json" }).end('{"needed":false,"simulated":true}'); return; }
    const own = await answer(request.url);
    if (own) { response.writeHead(own[0], { "content-type": "application/json" }).end(JSON.stringify(own[1])); return; }
    if (request.url.startsWith("/api/v1/board/windows")) { response.writeHead(200, { "content-type": "application/json" }).end('{"matching":0,"rows":[],"choices":{}}'); return; }
    if (request.url === "/api/v1/board") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      frames(response);
      return;
    }
    const name = new URL(request.url, "http://made").pathname === "/" ? "board.html" : request.url.startsWith("/exposure/") ? "exposure.html" : request.url.startsWith("/reviewer/") ? "reviewer.html" : request.url.split("/").pop();
    response.writeHead(200, { "content-type": types[name.split(".").pop()], ...headers });
    response.end(readFileSync(`${PAGE}/${name}`));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => { server.closeAllConnections(); server.close(); });
  return `http://127.0.0.1:${server.address().port}`;
}

export const send = (response, name, data) => response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);

export const rateOf = (low, high) => ({ low, high, low_bound: 0.1, high_bound: 0.9, windows: 4, incidents: 2, effective: 2, outcomes: { effective: 1, hollow: 0, overdue: 2, unjudged: 0, unknown_exposure: 0, unassessed: 1 } });

export function frame(n, now, names) {
  const row = (text, at) => ({ id: `secret_exposure/made/${at}`, credential: text, workflow: "secret_exposure", source: text, location: text, owner: text, severity: "high", state: "open", awaiting: "review", start_ms: now - 1000 * (30 + at), in_time_ms: 540_000, late_ms: 1_020_000, raced: true, exposure_known: true, attacked_ms: null, touched: false, escalated: false, incident: text, contained_ms: null, decided_ms: null, withdrawn_ms: null, reviewer: null, action: null, quality: null, recommendation: "revoke", detections: 2 });
  const windows = Object.fromEntries(names.map((text, at) => [`k${at}`, row(text, at)]));
  const decision = (text, at) => ({ id: `secret_exposure/decided/${at}`, at: new Date(now - at * 1000).toISOString(), credential: text, workflow: text, reviewer: text, time_to_review_ms: 60_000 + at, exposure_known: true, in_time_ms: 540_000, attention_ratio: 0.5, hollow: ["impossible_reading"], quality: "hollow", effective: false });
  const decisions = Object.fromEntries(names.map((text, at) => [`d${at}`, decision(text, at)]));
  const notes = Object.fromEntries(names.map((text, at) => [`n${at}`, { id: text, at: new Date(now).toISOString(), until: null, what: text, urgency: "critical", credential: text, workflow: text, margin_ms: null }]));
  const page = (text) => ({ id: text, reviewer: text, at: new Date(now).toISOString(), ended_at: null, since: new Date(now).toISOString(), statistic: 1500, threshold: 1000, signals: [{ signal: "dwell", observed: 4, signs: 4, allowed: 0.1, statistic: 3 }], path: [{ id: text, at: new Date(now).toISOString(), credential: text, signs: ["dwell"], statistic: 2 }] });
  return { n, lists: { windows: { set: windows }, decisions: { set: decisions }, notes: { set: notes } }, parts: {
    moment: { as_of_ms: now, speed: 1, demo: false, version: "0" },
    waiting: { open: 10_000, attacked: 0, ahead: 10_000, contested: 0, behind: 0, reviewed: 0, contained: 0, listed: 10_000, shown: names.length },
    trend: [7, 30, 90].map((days) => ({ days, rate: rateOf(0.25, 0.5), before: rateOf(null, null), begins_at: null, comparable: true })),
    receivers: [{ name: "events", last_at_ms: null, expected_ms: null, taken: 0, refused: 0 }, ...names.slice(0, 1).map((name) => ({ name, last_at_ms: now - 7_200_000, expected_ms: 3_600_000, taken: 12, refused: 1 }))],
    firing: { ReviewDueSoon: 3 }, suspected: { more: 0, pages: names.slice(0, 4).map(page) },
    unjoined: { names: names.length + 1, events: 12, rows: names.map((text, at) => ({ credential: text, workflow: at ? text : "secret_exposure", kind: "decision.made", source: at ? text : null, at_ms: now - 600_000 - at, events: 1 + at, nearest: at ? [text, text] : [] })) },
    health: { healthy: false, ready: false, missing: names.slice(0, 4), lag_records: 1, not_kept: 1, foreign: 1, windows: 1, workers: 1, catching_up: null },
    rate: { complete: true, open: 1, older_open: 0, effective: rateOf(0.25, 0.5), in_time_ms: 540_000, late_ms: 1_020_000, withdrawn: 0, others: [{ workflow: "policy_change", in_time_ms: 86_400_000, effective: rateOf(0.5, 0.5) }], reviews: 1, judged: 1, hollow: 0, unassessed: 1, by_reason: {}, unknown: 0, median_ms: { low: 90_000, high: null }, attacker_first: { low: 0.2, high: 1 } },
  } };
}

/** The answer about one exposure, found a minute and a half ago and leaked before; `decided` half a minute later. */
export function exposure({ name = "a", decided = false, record = {}, ...more } = {}) {
  const now = Date.now(), at = (seconds) => new Date(now - 1000 * seconds).toISOString(), id = `secret_exposure/${name}/1`;
  const decision = decided ? { state: "closed", presented_at: at(85), recommendation: "dismiss", confidence: null, summary_words: 150, advice_source: "ai", decided_at: at(60), reviewer: "reviewer-0", action: "dismiss", verdict: "approve", durations_ms: { time_to_review: 30_000 } } : { durations_ms: {} };
  const whole = { exposure_id: id, credential_id: name, workflow: "secret_exposure", state: "open", severity: "high", raced: true, in_time_ms: 540_000, late_ms: 1_020_000, detected_at: at(90), exposed_at: null, owner: null, incident: null, items: null, rationale_words: null, further_decisions: 0, detections: 1, revision: 1, ...decision, ...record };
  return { as_of: at(0), exposure_id: id, started_at: at(90), window: { waiting_ms: decided ? null : 90_000, known_as: name, record: whole }, other_names: [], labels: { credential: "credential-0" }, alerts: [], reading: null, ...more };
}
