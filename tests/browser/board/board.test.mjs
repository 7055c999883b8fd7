// The live board, driven in Chromium: windows appear, count down, turn and leave; it is readable
// by everybody, and does no harm with what strangers write.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { test } from "node:test";
import puppeteer from "puppeteer-core";
import { demo, until, wait } from "./demo.mjs";

const AXE = readFileSync(`${process.env.SHUTTERLAG_WORK}/node_modules/axe-core/axe.min.js`, "utf8");
const SHOTS = `${process.env.SHUTTERLAG_WORK}/shots`;
const PAGE = `${process.env.SHUTTERLAG_ROOT}/src/runtime/http/board/page`;

async function browser(t) {
  const started = await puppeteer.launch({ executablePath: process.env.SHUTTERLAG_CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
  t.after(() => started.close());
  return started;
}

/** A page that notes whatever is wrong, with how the page is to look. */
async function open(browser, url, { scheme = "light", width = 1440, height = 1000, scale = 1 } = {}) {
  const page = await browser.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => { if (["error", "warn"].includes(message.type())) faults.push(`console: ${message.text()}`); });
  page.on("requestfailed", (request) => { if (!request.url().endsWith("/api/v1/board")) faults.push(`failed: ${request.url()}`); });
  page.on("request", (request) => { if (!request.url().startsWith(url)) faults.push(`elsewhere: ${request.url()}`); });
  await page.evaluateOnNewDocument(() => {
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.setViewport({ width, height, deviceScaleFactor: scale });
  await page.goto(`${url}/`);
  await page.waitForSelector("#windows li", { visible: true, timeout: 15_000 });
  return { page, faults };
}

async function clean({ page, faults }) {
  assert.deepEqual(await page.evaluate(() => window.violations), [], "violations of the policy");
  assert.deepEqual(faults, []);
}

/** What axe finds that is serious or critical. */
async function axe(page) {
  // Evaluated from outside, so that the page's own policy stays as it is.
  await page.evaluate(AXE);
  const { violations, passes } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations", "passes"] }));
  assert.ok(passes.length > 20, "axe looked at the page");
  return violations.filter(({ impact }) => ["serious", "critical"].includes(impact)).map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).slice(0, 3)}`);
}

test("windows appear, count down, turn and leave, and the story is told", async (t) => {
  const { url } = await demo(t);
  const chromium = await browser(t);
  const opened = await open(chromium, url);
  const { page } = opened;
  const rows = () => page.evaluate(() => [...document.querySelectorAll("#windows li:not(.group)")].map((row) => ({
    key: row.dataset.key, count: row.querySelector(".count").textContent, gone: row.classList.contains("gone"),
    band: ["ahead", "contested", "behind", "owed"].find((band) => row.classList.contains(band)),
  })));
  const seen = new Map();
  let turned = false, left = false, countedDown = false, appeared = 0;
  const first = new Set((await rows()).map(({ key }) => key));
  await until("a window that appears, counts down, turns and leaves", 50_000, async () => {
    for (const row of await rows()) {
      if (!first.has(row.key) && !seen.has(row.key)) appeared += 1;
      const before = seen.get(row.key);
      const left_s = (text) => { const [, minutes, seconds] = /(\d+):(\d\d) (?:left|until late)/.exec(text) ?? []; return minutes === undefined ? null : Number(minutes) * 60 + Number(seconds); };
      if (before?.band === "ahead" && row.band === "contested") turned = true;
      if (before && before.band === row.band && left_s(before.count) !== null && left_s(row.count) !== null && left_s(row.count) < left_s(before.count)) countedDown = true;
      if (row.gone && row.count.startsWith("✓ decided in")) left = true;
      seen.set(row.key, row);
    }
    return turned && left && countedDown && appeared > 2;
  });
  // The order of urgency: within the first group the least time left stands first.
  const racing = (await rows()).filter(({ gone, band }) => !gone && ["ahead", "contested"].includes(band));
  const bands = racing.map(({ band }) => band);
  assert.deepEqual(bands, [...bands].sort((a, b) => (a === b ? 0 : a === "contested" ? -1 : 1)), "who is nearest to losing stands first");
  const notes = () => page.$$eval("#notes li", (items) => items.map((item) => item.textContent).join("\n"));
  await until("the planted case that was missed", 40_000, async () => /seeded case missed .*#planted/.test(await notes()));
  await until("a reviewer's page with its evidence", 20_000, async () => /reviewer-\w+.*evidence/s.test(await page.$eval("#suspects", (box) => box.textContent)));
  assert.match(await page.$eval("#clock", (clock) => clock.textContent), /^2026-01-06 \d\d:\d\d:\d\d UTC$/);
  assert.ok(await page.$eval("#demo", (badge) => badge.offsetParent !== null && badge.textContent.includes("simulated")), "it says that time is simulated");
  for (const name of ["best", "worst"]) assert.ok(await page.$eval(`.chart .quad.${name}`, (label) => label.textContent.length > 0));
  assert.ok((await page.$$(".chart path.hollow")).length > 0, "hollow decisions have a shape of their own");
  await clean(opened);

  await t.test("by everybody: light, dark and on a phone", async () => {
    for (const [name, options] of [["light", {}], ["dark", { scheme: "dark" }], ["phone", { width: 390, height: 844, scale: 2 }]]) {
      const looked = await open(chromium, url, options);
      await wait(1_500);
      assert.deepEqual(await axe(looked.page), [], name);
      const [scrolls, width] = await looked.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(scrolls <= width, `${name}: nothing is wider than the window (${scrolls} > ${width})`);
      await looked.page.screenshot({ path: `${SHOTS}/board-${name}.png` });
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

/** The page as it is, with a stream made by the test. */
async function made(t, frames, { token } = {}) {
  const types = { html: "text/html", css: "text/css", js: "text/javascript", svg: "image/svg+xml" };
  const real = await demo(t);
  const policy = (await fetch(real.url)).headers.get("content-security-policy");
  const server = createServer((request, response) => {
    if (request.url === "/api/v1/board") {
      if (token && request.headers.authorization !== `Bearer ${token}`) { response.writeHead(401).end(); return; }
      response.writeHead(200, { "content-type": "text/event-stream" });
      frames(response);
      return;
    }
    const name = request.url === "/" ? "board.html" : request.url.split("/").pop();
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
  const row = (text, at) => ({ credential: text, workflow: "secret_exposure", source: text, location: text, owner: text, severity: "high", state: "open", awaiting: "review", start_ms: now - 1000 * (30 + at), in_time_ms: 540_000, late_ms: 1_020_000, raced: true, attacked_ms: null, touched: false, escalated: false, incident: text, contained_ms: null, recommendation: "revoke", detections: 2 });
  const windows = Object.fromEntries(names.map((text, at) => [`k${at}`, row(text, at)]));
  const decision = (text, at) => ({ at: new Date(now - at * 1000).toISOString(), credential: text, workflow: text, reviewer: text, verdict: "approve", action: "revoke", time_to_review_ms: 60_000 + at, in_time_ms: 540_000, attention_ratio: 0.5, attention_ms: 1, floor_ms: 2, hollow: ["impossible_reading"], quality: "hollow", effective: false });
  const decisions = Object.fromEntries(names.map((text, at) => [`d${at}`, decision(text, at)]));
  const notes = Object.fromEntries(names.map((text, at) => [`n${at}`, { at: new Date(now).toISOString(), until: null, what: text, urgency: "critical", credential: text, workflow: text, margin_ms: null }]));
  const page = (text) => ({ reviewer: text, at: new Date(now).toISOString(), ended_at: null, since: new Date(now).toISOString(), statistic: 1500, threshold: 1000, signals: [{ signal: "dwell", observed: 4, signs: 4, allowed: 0.1, statistic: 3 }], path: [{ at: new Date(now).toISOString(), credential: text, signs: ["dwell"], statistic: 2 }] });
  return { n, lists: { windows: { set: windows }, decisions: { set: decisions }, notes: { set: notes } }, parts: {
    moment: { as_of_ms: now, speed: 1, demo: false, version: "0" },
    waiting: { open: 10_000, attacked: 0, ahead: 10_000, contested: 0, behind: 0, reviewed: 0, contained: 0, listed: 10_000, shown: names.length },
    firing: { ReviewDueSoon: 3 }, suspected: { more: 0, pages: names.slice(0, 4).map(page) },
    unjoined: { names: names.length + 1, events: 12, rows: names.map((text, at) => ({ credential: text, workflow: at ? text : "secret_exposure", kind: "decision.made", source: at ? text : null, at_ms: now - 600_000 - at, events: 1 + at, nearest: at ? [text, text] : [] })) },
    health: { healthy: false, ready: false, missing: names.slice(0, 4), lag_records: 1, not_kept: 1, foreign: 1, windows: 1, workers: 1 },
    rate: { complete: true, open: 1, older_open: 0, effective: rateOf(0.25, 0.5), in_time_ms: 540_000, late_ms: 1_020_000, ahead: 1, contested: 0, behind: 0, unreviewed: 0, withdrawn: 0, others: [{ workflow: "policy_change", in_time_ms: 86_400_000, effective: rateOf(0.5, 0.5) }], reviews: 1, judged: 1, hollow: 0, unassessed: 1, by_reason: {}, median_ms: null, attacker_first: 0 },
  } };
}

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

test("a token is asked for, kept in the tab, and refused if it is wrong", async (t) => {
  const url = await made(t, (response) => send(response, "whole", frame(1, Date.now(), ["a"])), { token: "right-token" });
  const page = await (await browser(t)).newPage();
  await page.goto(url);
  await page.waitForSelector("#ask", { visible: true });
  assert.equal(await page.evaluate(() => document.activeElement.id), "token");
  assert.deepEqual(await axe(page), []);
  await page.keyboard.type("wrong\n");
  await until("the refusal", 5_000, async () => (await page.$eval("#refused", (text) => text.textContent)).length > 0);
  await page.type("#token", "right-token");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#windows li", { visible: true });
  assert.equal(await page.evaluate(() => localStorage.length), 0, "it does not outlive the tab");
  assert.ok(!(await page.content()).includes("right-token"));
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
  assert.match(more, /9,922 more windows/);
  await clean(opened);
});
