// The live board with a stream made by the test: what it says, what it survives, and that it does no
// harm with what strangers write.
import assert from "node:assert/strict";
import { test } from "node:test";
import { until, wait } from "./demo.mjs";
import { exposure, frame, made, rateOf, send } from "./made.mjs";
import { browser, clean, open } from "./page.mjs";

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
  await until("the loss is told", async () => /lost/.test(await link()));
  // It tries again ever more rarely: after one, two, four and eight seconds.
  await wait(8_000);
  up = true;
  const back = Date.now();
  await look(false);
  await until("it is live again", async () => (await link()) === "Live");
  assert.ok(Date.now() - back < 6_000, "at once, and not when it would have tried again");
});

test("a page about one thing stays while the server is busy, and asks once while nobody is signed in", async (t) => {
  const id = "secret_exposure/a/1";
  const known = exposure();
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
  assert.match(await page.$eval(".about .figure", (figure) => figure.textContent), /since it was found; it was exposed earlier, and nobody knows when\. A decision/);
  says = [503, { error: { code: "timeout", message: "the answer took too long to make" } }];
  await until("the trouble is told", async () => /No answer/.test(await page.$eval("#link", (link) => link.textContent)));
  assert.equal(await page.$eval("h1", (title) => title.textContent), "a");
  says = [404, { error: { code: "not_found", message: "no such window" } }];
  await until("the window is gone", async () => /No such window/.test(await page.$eval("h1", (title) => title.textContent)));
  says = [200, known];
  await until("the same window is back", async () => (await page.$eval("h1", (title) => title.textContent)) === "a");
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
    { days: 7, rate: shares(0.6, 0.7, 0.55, 0.75), before: shares(0.3, 0.4, 0.25, 0.45), begins_at: null, comparable: true },
    { days: 30, rate: shares(0.6, 0.7, 0.35, 0.9), before: shares(0.3, 0.4, 0.2, 0.5), begins_at: null, comparable: true }, { days: 90, rate: shares(0.1, 0.1, 0.05, 0.2), before: shares(0.9, 0.9, 0.8, 0.95), begins_at: "2026-01-05T08:00:00.000Z", comparable: false },
  ];
  Object.assign(made_up.parts.rate, { older_open: 1, median_ms: { low: 90_000, high: HOUR }, attacker_first: { low: 0.2, high: 326.6 } });
  made_up.lists.notes.set.n3.at = new Date(now - 2 * DAY).toISOString();
  made_up.parts.suspected.pages[0].signals.push({ signal: "agreement", observed: 40, signs: 39, allowed: null, statistic: 3 });
  const url = await made(t, (response) => send(response, "whole", made_up));
  const opened = await open(await browser(t), url);
  const { page } = opened;
  await wait(500);
  const rows = await page.$$eval("#windows li:not(.group)", (items) => items.map((item) => [item.querySelector("bdi").textContent, item.querySelector(".count").textContent, item.querySelector(".track i").style.transform]));
  assert.deepEqual(rows.map(([name]) => name), ["d", "c", "b", "a"], "attacks first, the gravest of them, then the least time left");
  assert.match(rows[1][1], /attacked 1:0\d ago/);
  assert.match(rows[2][1], /(6:\d\d|7:00) until late/);
  assert.match(rows[3][1], /1[12] h [05]\d min left/);
  assert.match(rows[3][2], /scaleX\(0\.225\)/, "half of its target fills half of the way to the first mark");
  const text = (id) => page.$eval(`#${id}`, (node) => node.textContent);
  assert.equal(await text("rate"), "25.0–50.0 %");
  assert.equal(await text("rate-note"), "A range because of 1 unassessed");
  assert.match(await text("rate-text"), /within 9 min/);
  assert.match(await text("rate-sample"), /chance included, the rate is within/);
  assert.deepEqual(await page.$$eval("#rate-open li", (lines) => lines.map((line) => line.textContent)), [
    "Undecided now: 2 windows, 1 of them older than a day", "Of the windows of the last 24 hours:", "Median wait where attackers race, undecided windows included: 1 min 30 s to 1 h 00 min",
    "If attackers try every leaked key, they are expected to come first in 0.2 to 327 of the windows", "0 of 1 judged decision hollow, 1 unassessed",
  ]);
  // Figures of now and of the day stand beside each other: each says which it is.
  assert.match(await text("rate-text"), /^of the exposures found in the last 24 hours/);
  assert.match(await text("bands-key"), /^Last 24 hours:1effective/);
  assert.match(await text("race-count"), /^waiting now: 10,000 in time/);
  assert.equal(await text("firing"), "review due soon3 nowrunbook");
  assert.match(await text("both-count"), /^the latest 4 decisions since (\d\d:\d\d:\d\d|\d\d-\d\d \d\d:\d\d)$/);
  assert.match(await text("race-words"), /overdue after 9 min, late after 17 min/);
  assert.match(await text("rate-sample"), /^Last 24 hours: 4 windows in 2 incidents; .*10\.0–90\.0 %$/);
  assert.equal(await text("rate-others"), "policy change, within 1 d: 50.0 % (last 24 hours: 4 windows in 2 incidents)entitlement review, within 7 d: no review is due yet");
  const cells = (id) => page.$$eval(`#${id} tr`, (lines) => lines.map((line) => [...line.cells].map((cell) => cell.textContent)));
  assert.deepEqual(await cells("trend"), [
    ["24 hours", "25.0–50.0 %", "not compared", "4"], ["7 days", "60.0–70.0 %", "30.0–40.0 %: better", "4"],
    ["30 days", "60.0–70.0 %", "30.0–40.0 %: no clear change", "4"], ["90 days since 2026-01-05", "10.0 %", "90.0 %, of a part of them", "4"],
  ]);
  const received = await cells("receivers");
  assert.deepEqual(received[0], ["events", "none since the start", "–", "0", "0"]);
  // Soon after midnight this was yesterday.
  assert.match(received[1].join(), /^a,(\d\d:\d\d:\d\d|\d\d-\d\d \d\d:\d\d), silent for too long,1 h,12,1$/);
  assert.match(await text("suspects"), /39 of 40as peers in like cases/);
  // What was not today has its date.
  const times = await page.$$eval("#notes time", (nodes) => nodes.map((node) => node.textContent));
  assert.ok(times.some((time) => /^\d\d:\d\d:\d\d$/.test(time)) && times.some((time) => /^\d\d-\d\d \d\d:\d\d$/.test(time)), times);
  assert.equal(await text("unjoined-count"), "5 names, 12 events without a window");
  const unjoined = await page.$$eval("#unjoined tr", (lines) => lines.map((line) => [...line.cells].map((cell) => cell.textContent)));
  assert.deepEqual(unjoined[0].filter((_, at) => at !== 3), ["a", "decision.made", "–", "none is similar"]);
  assert.deepEqual(unjoined[1].filter((_, at) => at !== 3), ["b", "decision.made and 1 more (b)", "b", "b, b"]);
  assert.match(unjoined[0][3], /^10 min 0\d s$/);
  assert.ok(await page.$eval("#unjoined-none", (node) => node.hidden));
  assert.ok((await page.$$(".chart path.unassessed")).length === 1, "unassessed decisions have a shape of their own");
  assert.ok(!(await page.content()).includes("NaN"));
  await clean(opened);
});

test("a board that has not caught up says so, and how far it is", async (t) => {
  const first = frame(1, Date.now(), ["a"]), health = first.parts.health;
  let stream = null;
  health.catching_up = { behind_ms: 43_500_000, records: 0 };
  const opened = await open(await browser(t), await made(t, (response) => { stream = response; send(response, "whole", first); })), { page } = opened;
  const says = (expected) => until(expected, async () => (await page.$eval("#link", (link) => link.textContent)) === expected);
  await says("Catching up: 12 h 05 min");
  let n = 1;
  for (const [catching_up, expected] of [[{ behind_ms: 20_000, records: 0 }, "Catching up: under a minute"], [{ behind_ms: null, records: 1_200 }, "Catching up: 1,200 records"], [{ behind_ms: null, records: 0 }, "Catching up"], [null, "Live"]]) {
    send(stream, "change", { n: n += 1, parts: { health: { ...health, catching_up } }, lists: {} });
    await says(expected);
  }
  await clean(opened);
});

test("the bar of a decided window ends at the decision, whenever it was contained", async (t) => {
  const now = Date.now(), made_up = frame(1, now, ["late", "soon"]), { k0: late, k1: soon } = made_up.lists.windows.set;
  // Attacked windows stay in the list when they are decided.
  const decided = (row, seconds, contained) => Object.assign(row, { start_ms: now - 3_600_000, attacked_ms: now - 60_000, state: "reviewed", decided_ms: now - 3_600_000 + 1_000 * seconds, contained_ms: contained && now - 3_600_000 + 1_000 * contained, action: "revoke", reviewer: "r" });
  decided(late, 1_137, 168);
  decided(soon, 32, 309);
  const opened = await open(await browser(t), await made(t, (response) => send(response, "whole", made_up)));
  const ends = await opened.page.$$eval("#windows li:not(.group)", (rows) => Object.fromEntries(rows.map((row) => [row.querySelector("bdi").textContent, Number(/scaleX\(([\d.]+)\)/.exec(row.querySelector(".track i").style.transform)[1])])));
  assert.ok(ends.late >= 0.85, `decided after 18 min 57 s is late: ${ends.late}`);
  assert.ok(Math.abs(ends.soon - 0.45 * 32 / 540) < 0.002, `decided after 32 s: ${ends.soon}`);
  await clean(opened);
});

test("a row that leaves says how it was decided, and waits for nobody any more", async (t) => {
  const now = Date.now(), first = frame(1, now, ["a", "b"]), id = first.lists.windows.set.k0.id;
  let stream = null;
  const opened = await open(await browser(t), await made(t, (response) => { stream = response; send(response, "whole", first); })), { page } = opened;
  const row = (selector) => page.$eval(`#windows li${selector}`, (item) => item.textContent);
  assert.match(await row(":has(a[href*='made%2F0'])"), /waits for a person/);
  send(stream, "change", { n: 2, parts: {}, lists: { windows: { gone: ["k0"] }, decisions: { set: { left: { ...first.lists.decisions.set.d0, id } } } } });
  await page.waitForSelector("#windows li.gone");
  assert.match(await row(".gone"), /^adecided in 1 min 00 shigh · hollow$/);
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
