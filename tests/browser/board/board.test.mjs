// The live board, driven in Chromium: windows appear, count down, turn and leave; it is readable
// by everybody, and does no harm with what strangers write.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { test } from "node:test";
import { demo, until, wait } from "./demo.mjs";
import { LOOKS, SHOTS, axe, browser, clean, fits, open, shift } from "./page.mjs";

const PAGE = `${process.env.SHUTTERLAG_ROOT}/src/runtime/http/board/page`;

test("windows appear, count down, turn and leave, and the story is told", async (t) => {
  const { url } = await demo(t);
  const chromium = await browser(t);
  const opened = await open(chromium, url);
  const { page } = opened;
  const rows = () => page.evaluate(() => [...document.querySelectorAll("#windows li:not(.group)")].map((row) => ({
    key: row.querySelector("a").href, count: row.querySelector(".count").textContent, gone: row.classList.contains("gone"),
    band: ["ahead", "contested", "behind", "owed"].find((band) => row.classList.contains(band)),
  })));
  const seen = new Map();
  let turned = false, left = false, countedDown = false, appeared = 0;
  const first = new Set((await rows()).map(({ key }) => key));
  await until("a window that appears, counts down, turns and leaves", 90_000, async () => {
    for (const row of await rows()) {
      if (!first.has(row.key) && !seen.has(row.key)) appeared += 1;
      const before = seen.get(row.key);
      const left_s = (text) => { const [, minutes, seconds] = /(\d+):(\d\d) (?:left|until late)/.exec(text) ?? []; return minutes === undefined ? null : Number(minutes) * 60 + Number(seconds); };
      if (before?.band === "ahead" && row.band === "contested") turned = true;
      if (before && before.band === row.band && left_s(before.count) !== null && left_s(row.count) !== null && left_s(row.count) < left_s(before.count)) countedDown = true;
      if (row.gone && row.count.startsWith("decided in")) left = true;
      seen.set(row.key, row);
    }
    return turned && left && countedDown && appeared > 2;
  });
  // The order: attacks, then by severity. What stands in the document is what is seen.
  const order = ["Attack observed, neither contained nor dismissed", "Critical", "High", "Medium", "Low", "No severity stated"];
  const heads = await page.evaluate(() => [...document.querySelectorAll("#windows li.group")].map((item) => item.textContent));
  assert.deepEqual(heads, order.filter((name) => heads.includes(name)));
  // In one step: `$$eval` looks for the rows first and asks them later, when some have moved on.
  const places = await page.evaluate(() => [...document.querySelectorAll("#windows li")].map((item) => Number(item.dataset.top)));
  assert.deepEqual(places, [...places].sort((a, b) => a - b));
  const notes = () => page.$$eval("#notes li", (items) => items.map((item) => item.textContent).join("\n"));
  await until("the planted case that was missed", 40_000, async () => /seeded case missed .*#planted/.test(await notes()));
  await until("a reviewer's page with its evidence", 20_000, async () => /reviewer-\w+.*evidence/s.test(await page.$eval("#suspects", (box) => box.textContent)));
  assert.match(await page.$eval("#clock", (clock) => clock.textContent), /^2026-01-06 \d\d:\d\d:\d\d UTC$/);
  assert.ok(await page.$eval("#demo", (badge) => badge.offsetParent !== null && badge.textContent.includes("simulated")), "it says that time is simulated");
  for (const name of ["best", "worst"]) assert.ok(await page.$eval(`.chart .quad.${name}`, (label) => label.textContent.length > 0));
  assert.ok((await page.$$(".chart path.hollow")).length > 0, "hollow decisions have a shape of their own");
  await clean(opened);

  await t.test("by everybody: light, dark, on a phone and on a wide screen", async () => {
    for (const [name, options] of [...LOOKS, ["wide", { width: 2_200 }]]) {
      const looked = await open(chromium, url, options);
      await wait(1_500);
      assert.deepEqual(await axe(looked.page), [], name);
      await fits(looked.page, name);
      await looked.page.screenshot({ path: `${SHOTS}/board-${name}.png` });
      await clean(looked);
      await looked.page.close();
    }
  });

  await t.test("a minute moves nothing", async () => {
    for (const [name, options] of [["light", {}], ["phone", { width: 390, height: 844, scale: 2 }]]) {
      const looked = await open(chromium, url, options);
      await wait(60_000);
      const { worst, moved } = await shift(looked.page);
      t.diagnostic(`layout shift on ${name} over a minute: ${worst.toFixed(4)} ${moved}`);
      assert.ok(worst <= 0.02, `${name}: ${worst} by ${moved}`);
      await clean(looked);
      await looked.page.close();
    }
  });

  await t.test("by keyboard: a skip link, a pause that pauses, a table that opens", async () => {
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.id), "pause");
    await page.keyboard.press("Enter");
    const clock = () => page.$eval("#clock", (time) => time.textContent);
    const paused = await clock();
    await wait(1_200);
    assert.equal(await clock(), paused, "nothing moves");
    assert.match(await page.$eval("#link", (link) => link.textContent), /^Paused at \d\d:\d\d:\d\d$/);
    await page.keyboard.press("Enter");
    await until("it goes on", 3_000, async () => (await clock()) !== paused);
    await page.focus("details summary");
    await page.keyboard.press("Enter");
    assert.ok((await page.$$("#decisions tr")).length > 5);
    assert.deepEqual(await axe(page), []);
  });
});

test("without a connection it says so, and comes back", async (t) => {
  const { url, address, child } = await demo(t);
  const { page } = await open(await browser(t), url);
  const link = () => page.$eval("#link", (link) => link.textContent);
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await until("the loss is told", 10_000, async () => /lost/.test(await link()));
  await ended;
  await demo(t, address);
  await until("it is live again", 20_000, async () => (await link()) === "Live");
});

/** The pages as they are, with a stream made by the test, and `answer(path)` for the rest as `[status, value]`. */
async function made(t, frames, answer = () => null) {
  const types = { html: "text/html", css: "text/css", js: "text/javascript", svg: "image/svg+xml" };
  const real = await demo(t);
  const policy = (await fetch(real.url)).headers.get("content-security-policy");
  const server = createServer((request, response) => {
    if (request.url === "/api/v1/session") { response.writeHead(200, { "content-type": "application/json" }).end('{"needed":false}'); return; }
    if (request.url.startsWith("/api/v1/board/windows")) { response.writeHead(200, { "content-type": "application/json" }).end('{"matching":0,"rows":[],"choices":{}}'); return; }
    if (request.url === "/api/v1/board") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      frames(response);
      return;
    }
    const own = answer(request.url);
    if (own) { response.writeHead(own[0], { "content-type": "application/json" }).end(JSON.stringify(own[1])); return; }
    const name = request.url === "/" ? "board.html" : request.url.startsWith("/exposure/") ? "exposure.html" : request.url.split("/").pop();
    response.writeHead(200, { "content-type": types[name.split(".").pop()], "content-security-policy": policy });
    response.end(readFileSync(`${PAGE}/${name}`));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => { server.closeAllConnections(); server.close(); });
  return `http://127.0.0.1:${server.address().port}`;
}

const send = (response, name, data) => response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);

const rateOf = (low, high) => ({ low, high, low_bound: 0.1, high_bound: 0.9, windows: 4, incidents: 2, effective: 2, outcomes: { effective: 1, hollow: 0, overdue: 2, unjudged: 0, unknown_exposure: 0, unassessed: 1 } });

function frame(n, now, names) {
  const row = (text, at) => ({ id: `secret_exposure/made/${at}`, credential: text, workflow: "secret_exposure", source: text, location: text, owner: text, severity: "high", state: "open", awaiting: "review", start_ms: now - 1000 * (30 + at), in_time_ms: 540_000, late_ms: 1_020_000, raced: true, exposure_known: true, attacked_ms: null, touched: false, escalated: false, incident: text, contained_ms: null, decided_ms: null, withdrawn_ms: null, reviewer: null, action: null, quality: null, recommendation: "revoke", detections: 2 });
  const windows = Object.fromEntries(names.map((text, at) => [`k${at}`, row(text, at)]));
  const decision = (text, at) => ({ id: `secret_exposure/decided/${at}`, at: new Date(now - at * 1000).toISOString(), credential: text, workflow: text, reviewer: text, time_to_review_ms: 60_000 + at, in_time_ms: 540_000, attention_ratio: 0.5, hollow: ["impossible_reading"], quality: "hollow", effective: false });
  const decisions = Object.fromEntries(names.map((text, at) => [`d${at}`, decision(text, at)]));
  const notes = Object.fromEntries(names.map((text, at) => [`n${at}`, { id: text, at: new Date(now).toISOString(), until: null, what: text, urgency: "critical", credential: text, workflow: text, margin_ms: null }]));
  const page = (text) => ({ id: text, reviewer: text, at: new Date(now).toISOString(), ended_at: null, since: new Date(now).toISOString(), statistic: 1500, threshold: 1000, signals: [{ signal: "dwell", observed: 4, signs: 4, allowed: 0.1, statistic: 3 }], path: [{ id: text, at: new Date(now).toISOString(), credential: text, signs: ["dwell"], statistic: 2 }] });
  return { n, lists: { windows: { set: windows }, decisions: { set: decisions }, notes: { set: notes } }, parts: {
    moment: { as_of_ms: now, speed: 1, demo: false, version: "0" },
    waiting: { open: 10_000, attacked: 0, ahead: 10_000, contested: 0, behind: 0, reviewed: 0, contained: 0, listed: 10_000, shown: names.length },
    trend: [7, 30, 90].map((days) => ({ days, rate: rateOf(0.25, 0.5), before: rateOf(null, null) })),
    receivers: [{ name: "events", last_at_ms: null, expected_ms: null, taken: 0, refused: 0 }, ...names.slice(0, 1).map((name) => ({ name, last_at_ms: now - 7_200_000, expected_ms: 3_600_000, taken: 12, refused: 1 }))],
    firing: { ReviewDueSoon: 3 }, suspected: { more: 0, pages: names.slice(0, 4).map(page) },
    unjoined: { names: names.length + 1, events: 12, rows: names.map((text, at) => ({ credential: text, workflow: at ? text : "secret_exposure", kind: "decision.made", source: at ? text : null, at_ms: now - 600_000 - at, events: 1 + at, nearest: at ? [text, text] : [] })) },
    health: { healthy: false, ready: false, missing: names.slice(0, 4), lag_records: 1, not_kept: 1, foreign: 1, windows: 1, workers: 1 },
    rate: { complete: true, open: 1, older_open: 0, effective: rateOf(0.25, 0.5), in_time_ms: 540_000, withdrawn: 0, others: [{ workflow: "policy_change", in_time_ms: 86_400_000, effective: rateOf(0.5, 0.5) }], reviews: 1, judged: 1, hollow: 0, unassessed: 1, by_reason: {}, median_ms: null, attacker_first: 0 },
  } };
}

test("a board that was hidden while the connection was lost comes back when it is looked at", async (t) => {
  let up = true;
  const streams = new Set();
  const url = await made(t, (response) => {
    if (!up) { response.destroy(); return; }
    streams.add(response);
    send(response, "whole", frame(1, Date.now(), ["a"]));
  });
  const { page } = await open(await browser(t), url);
  const link = () => page.$eval("#link", (link) => link.textContent);
  const look = (hidden) => page.evaluate((it) => { Object.defineProperty(document, "hidden", { configurable: true, value: it }); document.dispatchEvent(new Event("visibilitychange")); }, hidden);
  await look(true);
  up = false;
  for (const stream of streams) stream.destroy();
  await until("the loss is told", 10_000, async () => /lost/.test(await link()));
  // It tries again ever more rarely: after one, two, four and eight seconds.
  await wait(4_000);
  up = true;
  await look(false);
  await until("it is live again at once", 2_000, async () => (await link()) === "Live");
});

test("a page about one thing stays while the server is busy, and asks once while nobody is signed in", async (t) => {
  const now = Date.now(), id = "secret_exposure/a/1";
  const record = { exposure_id: id, credential_id: "a", workflow: "secret_exposure", state: "open", raced: true, in_time_ms: 540_000, late_ms: 1_020_000, detected_at: new Date(now - 60_000).toISOString(), exposed_at: null, detections: 1, durations_ms: {}, revision: 1 };
  const known = { as_of: new Date(now).toISOString(), exposure_id: id, started_at: record.detected_at, window: { waiting_ms: 1, known_as: "a", record }, other_names: [], labels: { credential: "credential-0" }, alerts: [], reading: null };
  let says = [401, {}], asked = 0;
  const url = await made(t, () => {}, (path) => { if (!path.startsWith("/api/v1/exposures/")) return null; asked += 1; return says; });
  const page = await (await browser(t)).newPage();
  // A minute of questions takes three seconds.
  await page.evaluateOnNewDocument(() => { const real = window.setInterval; window.setInterval = (act, ms) => real(act, ms / 20); });
  await page.goto(`${url}/exposure/${encodeURIComponent(id)}`);
  await page.waitForSelector("#ask", { visible: true });
  await wait(2_000);
  assert.equal(asked, 1, "no queue of questions behind the form");
  says = [200, known];
  await page.reload();
  await page.waitForSelector(".about h1", { visible: true });
  assert.match(await page.$eval(".about .figure", (figure) => figure.textContent), /since it was found, and exposed for longer/);
  says = [503, { error: { code: "timeout", message: "the answer took too long to make" } }];
  await until("the trouble is told", 5_000, async () => /No answer/.test(await page.$eval("#link", (link) => link.textContent)));
  assert.equal(await page.$eval("h1", (title) => title.textContent), "a");
  says = [404, { error: { code: "not_found", message: "no such window" } }];
  await until("the window is gone", 5_000, async () => /No such window/.test(await page.$eval("h1", (title) => title.textContent)));
  says = [200, known];
  await until("the same window is back", 5_000, async () => (await page.$eval("h1", (title) => title.textContent)) === "a");
});

test("every figure follows the targets of its workflow, and what is unknown is a range", async (t) => {
  const now = Date.now(), HOUR = 3_600_000, DAY = 24 * HOUR;
  const made_up = frame(1, now, ["a", "b", "c", "d"]);
  const { k0: a, k1: b, k2: c, k3: d } = made_up.lists.windows.set;
  Object.assign(a, { start_ms: now - 12 * HOUR, workflow: "policy_change", in_time_ms: DAY, late_ms: 3 * DAY, raced: false });
  Object.assign(b, { start_ms: now - 10 * 60_000 });
  Object.assign(c, { start_ms: now - 2 * HOUR, attacked_ms: now - 60_000, state: "reviewed" });
  Object.assign(d, { start_ms: now - HOUR, attacked_ms: now - 30_000, severity: "critical" });
  made_up.parts.rate.others.push({ workflow: "entitlement_review", in_time_ms: 7 * DAY, effective: { ...rateOf(null, null), windows: 0, incidents: 0 } });
  Object.assign(made_up.lists.decisions.set.d0, { quality: "unassessed", hollow: [], time_to_review_ms: 5 * HOUR, in_time_ms: DAY, attention_ratio: 2 });
  const shares = (low, high, low_bound, high_bound) => ({ ...rateOf(low, high), low_bound, high_bound });
  made_up.parts.trend = [
    { days: 7, rate: shares(0.6, 0.7, 0.55, 0.75), before: shares(0.3, 0.4, 0.25, 0.45) },
    { days: 30, rate: shares(0.6, 0.7, 0.35, 0.9), before: shares(0.3, 0.4, 0.2, 0.5) }, { days: 90, rate: shares(0.1, 0.1, 0.05, 0.2), before: null },
  ];
  made_up.parts.suspected.pages[0].signals.push({ signal: "agreement", observed: 40, signs: 39, allowed: null, statistic: 3 });
  const url = await made(t, (response) => send(response, "whole", made_up));
  const opened = await open(await browser(t), url);
  const { page } = opened;
  await wait(500);
  const rows = await page.$$eval("#windows li:not(.group)", (items) => items.map((item) => [item.querySelector("bdi").textContent, item.querySelector(".count").textContent, item.querySelector(".track i").style.transform]));
  assert.deepEqual(rows.map(([name]) => name), ["d", "c", "b", "a"], "attacks first, the gravest of them, then the least time left");
  assert.match(rows[1][1], /attacked 1:0\d ago/);
  assert.match(rows[2][1], /(6:5\d|7:00) until late/);
  assert.match(rows[3][1], /1[12] h [05]\d left/);
  assert.match(rows[3][2], /scaleX\(0\.225\)/, "half of its target fills half of the way to the first mark");
  const text = (id) => page.$eval(`#${id}`, (node) => node.textContent);
  assert.equal(await text("rate"), "25.0–50.0 %");
  assert.equal(await text("rate-note"), "a range because of 1 unassessed");
  assert.match(await text("rate-text"), /within 9 min/);
  assert.match(await text("rate-sample"), /^4 windows in 2 incidents; .*10\.0–90\.0 %$/);
  assert.equal(await text("rate-others"), "policy change, within 1 d: 50.0 % (4 windows in 2 incidents)entitlement review, within 7 d: no review is due yet");
  const cells = (id) => page.$$eval(`#${id} tr`, (lines) => lines.map((line) => [...line.cells].map((cell) => cell.textContent)));
  assert.deepEqual(await cells("trend"), [
    ["24 hours", "25.0–50.0 %", "", "4"], ["7 days", "60.0–70.0 %", "30.0–40.0 %: better", "4"],
    ["30 days", "60.0–70.0 %", "30.0–40.0 %: no clear change", "4"], ["90 days", "10.0 %", "not known", "4"],
  ]);
  const received = await cells("receivers");
  assert.deepEqual(received[0], ["events", "none since the start", "–", "0", "0"]);
  assert.match(received[1].join(), /^a,\d\d:\d\d:\d\d, silent for too long,1 h,12,1$/);
  assert.match(await text("suspects"), /39 of 40as peers in like cases/);
  assert.equal(await text("unjoined-count"), "5 names, 12 events without a window");
  const unjoined = await page.$$eval("#unjoined tr", (lines) => lines.map((line) => [...line.cells].map((cell) => cell.textContent)));
  assert.deepEqual(unjoined[0].filter((_, at) => at !== 3), ["a", "decision.made", "–", "none is similar"]);
  assert.deepEqual(unjoined[1].filter((_, at) => at !== 3), ["b", "decision.made and 1 more (b)", "b", "b, b"]);
  assert.match(unjoined[0][3], /^10:0\d$/);
  assert.ok(await page.$eval("#unjoined-none", (node) => node.hidden));
  assert.ok((await page.$$(".chart path.unassessed")).length === 1, "unassessed decisions have a shape of their own");
  assert.ok(!(await page.content()).includes("NaN"));
  await clean(opened);
});

test("what strangers write is shown and does nothing", async (t) => {
  const hostile = ["<img src=x onerror=alert(1)>", "<script>window.owned = 1</script>", "\u202Egpj.exe\u202C", "\u200B\u200B\u200B", "x".repeat(10 << 10), "${alert(1)}", "</title><h1>no</h1>", "𝒽&amp;\"'`", "ا".repeat(300)];
  const url = await made(t, (response) => send(response, "whole", frame(1, Date.now(), hostile)));
  const opened = await open(await browser(t), url);
  const { page } = opened;
  await wait(500);
  assert.deepEqual(await page.evaluate(() => [typeof window.owned, document.querySelectorAll("main img, main script, main h1").length]), ["undefined", 0]);
  const shown = await page.$$eval("#windows bdi", (names) => names.map((name) => name.textContent));
  for (const text of hostile) assert.ok(shown.includes(text), "as text, unchanged");
  const [scrolls, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(scrolls <= width, "no text makes the page wider");
  await clean(opened);
});

test("ten thousand open windows: the first paint and the updates", async (t) => {
  const names = Array.from({ length: 78 }, (_, at) => `github:example-org/payments-${at}`);
  const url = await made(t, (response) => {
    let n = 1;
    send(response, "whole", frame(n, Date.now(), names));
    const timer = setInterval(() => { n += 1; send(response, "change", frame(n, Date.now(), names.map((name) => `${name}#${n}`))); }, 300);
    response.on("close", () => clearInterval(timer));
  });
  const opened = await open(await browser(t), url);
  await wait(3_000);
  const { paint, updates, more } = await opened.page.evaluate(() => ({
    paint: performance.getEntriesByName("first-contentful-paint")[0].startTime,
    updates: performance.getEntriesByName("update").map((entry) => entry.duration),
    more: document.getElementById("windows-more").textContent,
  }));
  updates.sort((a, b) => a - b);
  t.diagnostic(`first paint ${paint.toFixed(0)} ms; ${updates.length} updates, median ${updates[updates.length >> 1].toFixed(1)} ms, longest ${updates.at(-1).toFixed(1)} ms`);
  assert.ok(paint <= 1_000, `first paint after ${paint} ms`);
  assert.ok(updates.length >= 5 && updates[updates.length >> 1] <= 100, `updates: ${updates}`);
  assert.match(more, /9,922 more windows are not shown/);
  await clean(opened);
});
