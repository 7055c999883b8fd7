// The page of one exposure with answers that the test makes up: what it says of a decision, and of
// what nobody knows.
import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "./demo.mjs";
import { exposure, frame, made, send } from "./made.mjs";
import { axe, browser, clean, open } from "./page.mjs";

const text = (page, selector) => page.$eval(selector, (node) => node.textContent);

/** Opens the page of an exposure whose answer is made up. */
async function shown(t, answer) {
  const url = await made(t, () => {}, (path) => (path.startsWith("/api/v1/exposures/") ? [200, answer] : null));
  const opened = await open(await browser(t), url, { path: `/exposure/${encodeURIComponent(answer.exposure_id)}`, shows: ".about h1" });
  return { ...opened, facts: await opened.page.$$eval(".facts > div", (all) => Object.fromEntries(all.map((one) => [one.querySelector("dt").textContent, one.querySelector("dd").textContent]))) };
}

test("the times and the lengths of time that a page shows never contradict each other", async (t) => {
  const at = (clock) => `2026-01-05T${clock}Z`, HOUR = 3_600_000;
  // 1 min 59.3 s between times whose seconds are two minutes apart; two steps of 59.65 s; steps of more than an hour.
  const record = { exposed_at: at("10:00:00.900"), detected_at: at("10:01:00.550"), decided_at: at("10:02:00.200"), contained_at: at("11:01:00.000"), abused_at: at("12:30:30.000"), durations_ms: { time_to_review: 119_300 } };
  const opened = await shown(t, exposure({ decided: true, record: { ...record, presented_at: null }, started_at: record.exposed_at })), { page, facts } = opened;
  const lines = await page.$$eval(".timeline li", (all) => all.map((one) => [one.querySelector("time").textContent, one.querySelector(".small").textContent]));
  assert.deepEqual(lines, [
    ["2026-01-05 10:00:00.900 UTC", "the start"], ["2026-01-05 10:01:00.550 UTC", "+59.650 s"],
    ["2026-01-05 10:02:00.200 UTC", "+1 min 59.300 s, 59.650 s after the step before"],
    ["2026-01-05 11:01:00 UTC", "+1 h 00 min 59.100 s, 58 min 59.800 s after the step before"],
    ["2026-01-05 12:30:30 UTC", "+2 h 30 min 29.100 s, 1 h 29 min 30 s after the step before"],
  ]);
  // Everywhere else a length of time is cut, never rounded: it is not longer than its times say.
  assert.match(await text(page, ".about .figure"), /^1 min 59 s from the exposure to the decision;/);
  assert.match(facts["Time to review"], /^1 min 59 s, /);
  assert.equal(facts["When"], "2026-01-05 10:02:00.200 UTC");
  assert.equal(facts["After it was found"], "59 s");
  assert.match(facts["Exposed"], /^2026-01-05 10:00:00\.900 UTC/);
  // Whole seconds are shown as such.
  const whole = await shown(t, exposure({ decided: true, record: { exposed_at: at("09:00:00"), detected_at: at("10:00:00"), decided_at: "2026-01-08T12:00:05.000Z", presented_at: null, durations_ms: { time_to_review: 75 * HOUR } }, started_at: at("09:00:00") }));
  assert.deepEqual(await whole.page.$$eval(".timeline li", (all) => all.map((one) => one.querySelector(".small").textContent)), ["the start", "+1 h 00 min 00 s", "+3 d 03 h 00 min 05 s, 3 d 02 h 00 min 05 s after the step before"]);
  assert.match(await text(page, "#clock"), /^\S+ \d\d:\d\d:\d\d UTC$/, "a running clock has seconds");
  await clean(opened);
});

test("a certificate that nobody can read shows that, to the millisecond", async (t) => {
  const from = "2026-01-05T10:00:00.900Z", to = "2026-01-05T10:00:04.100Z";
  const certificate = { from, to, available_ms: 3_204, needed_ms: 3_241, unread_ms: 0, cases: [] };
  const opened = await shown(t, exposure({ decided: true, record: { quality: "hollow", hollow: ["impossible_reading"] }, reading: { attention_ms: 3_000, usual_ms: 45_000, certificate } }));
  assert.match(await text(opened.page, "#main"), /From 2026-01-05 10:00:00\.900 UTC to 2026-01-05 10:00:04\.100 UTC there were 3\.204 s, .* what takes 3\.241 s at/);
  await clean(opened);
});

test("a short time is told, and that it proves nothing by itself", async (t) => {
  const reading = { attention_ms: 3_000, usual_ms: 45_000, certificate: null };
  for (const [quality, expected] of [["meaningful", /most people need\. That alone does not make it hollow/], ["unassessed", /most people need\. That alone does not tell either/], [null, /most people need\. That alone does not make it hollow/]]) {
    const opened = await shown(t, exposure({ decided: true, record: { quality, hollow: quality ? [] : null, opened_at: new Date(Date.now() - 60_000).toISOString() }, reading }));
    assert.match(opened.facts["Time to read"], /^3 s; most people need 45 s/);
    assert.match(await text(opened.page, "#main"), expected, quality);
    await clean(opened);
  }
  const enough = await shown(t, exposure({ decided: true, record: { quality: "meaningful", hollow: [] }, reading: { ...reading, attention_ms: 60_000 } }));
  assert.doesNotMatch(await text(enough.page, "#main"), /That alone/);
  const hollow = await shown(t, exposure({ decided: true, record: { quality: "hollow", hollow: ["impossible_reading"] }, reading }));
  assert.doesNotMatch(await text(hollow.page, "#main"), /That alone/, "of a hollow decision the reason is told");
});

test("a case that nobody opened has no time to read", async (t) => {
  const reading = { attention_ms: 331_000, usual_ms: 45_000, certificate: null };
  const unopened = await shown(t, exposure({ decided: true, record: { quality: "hollow", hollow: ["evidence_unopened"], opened_at: null }, reading }));
  assert.match(unopened.facts["Looked at"], /^nothing: .*reported nobody/);
  assert.equal(unopened.facts["Time to read"], undefined);
  assert.match(unopened.facts["From the advice to the decision"], /^5 min 31 s/);
  await clean(unopened);
  const unknown = await shown(t, exposure({ decided: true, record: { quality: "meaningful", hollow: [], opened_at: null, owner: "payments" }, reading: null }));
  assert.equal(await unknown.page.$eval("a[href*=owner]", (link) => link.getAttribute("href")), "/?owner=payments&state=all#race", "an owner leads to the list itself");
  assert.equal(unknown.facts["Looked at"], "not known");
});

test("nothing is said with more certainty than there is", async (t) => {
  const minute = 60_000, decided = { decided: true, record: { quality: "hollow", hollow: ["evidence_unopened"], opened_at: null, raced: true, clock: "detected", exposed_at: null, durations_ms: { time_to_review: 28 * minute } } };
  const found = await shown(t, exposure(decided));
  assert.match(await text(found.page, "#main"), /there is a sign that it was not a review\..*Nothing tells that the person opened the case/);
  // The time from the detection is known. That from the exposure is not: it is that long or longer.
  assert.match(await text(found.page, ".about .figure"), /^28 min[^r]* from the detection to the decision; it was exposed earlier, and nobody knows when;/);
  assert.match(found.facts["Time to review"], /^28 min.* or more,/);
  await clean(found);
  const at = new Date(Date.now() - 60 * minute).toISOString();
  const firing = (...alerts) => alerts.map((alert) => ({ alert, urgency: "page", phase: "firing", from: at, until: null, runbook: `/runbook/${alert}` }));
  const several = await shown(t, exposure({ alerts: firing("ReviewOverdue", "AttackerLikelyPresent") }));
  assert.match(await text(several.page, "#main"), /the board counts the strongest\. Alertmanager sends the strongest only/);
  const one = await shown(t, exposure({ record: { abused_at: at }, alerts: firing("ReviewOverdue", "AttackObserved") }));
  assert.doesNotMatch(await text(one.page, "#main"), /counts the strongest/);
});

test("a page says like the board that a start still catches up, and how far it is", async (t) => {
  const answer = exposure({ catching_up: { behind_ms: 43_500_000, records: 0 } });
  const opened = await shown(t, answer), { page } = opened;
  const says = (expected) => until(expected, async () => (await text(page, "#link")) === expected);
  await says("Catching up: 12 h 05 min");
  assert.equal(await page.$eval("#link", (link) => link.className), "link catches");
  answer.catching_up = { behind_ms: null, records: 1_200 };
  await says("Catching up: 1,200 records");
  answer.catching_up = null;
  await says("Live");
  await clean(opened);
});

test("a window that is not here leads to the board as it was asked for", async (t) => {
  const url = await made(t, () => {}, (path) => (path.startsWith("/api/v1/exposures/") ? [404, { error: { code: "not_found", message: "no window" } }] : null));
  const opened = await open(await browser(t), url, { path: "/exposure/none?severity=high&tz=local", shows: "#main h1" });
  assert.equal(await text(opened.page, "h1"), "No such window here");
  assert.match(await text(opened.page, "#main"), /shutterlag report and shutterlag explain read it\.To the board$/);
  assert.equal(await opened.page.$eval("#main a", (link) => link.getAttribute("href")), "/?severity=high&tz=local#race");
  await clean(opened);
});

test("the command that mutes names what the page shows, is copied, and moves nothing beside it", async (t) => {
  const at = new Date(Date.now() - 3_600_000).toISOString(), name = "acme/payments#7";
  const alerts = [{ alert: "ReviewOverdue", urgency: "page", phase: "firing", from: at, until: null, runbook: "/runbook/ReviewOverdue" }];
  const opened = await shown(t, exposure({ name, decided: true, alerts })), { page } = opened;
  await page.waitForSelector("#demo", { visible: true });
  const places = () => page.$$eval(".columns .card", (cards) => cards.map((card) => [card.querySelector("h2").textContent, card.getBoundingClientRect().left, card.getBoundingClientRect().top]));
  const before = await places();
  assert.deepEqual(before.map(([title]) => title), ["What leaked, and where", "What the AI said", "Who decided, and was it a review?", "Timeline", "Alerts", "Record"]);
  await page.evaluate(() => [...document.querySelectorAll("summary")].find((one) => one.textContent.startsWith("The command that mutes")).click());
  assert.deepEqual((await places()).slice(0, 5), before.slice(0, 5));
  assert.equal(await text(page, "pre.wraps"), `amtool silence add credential="credential-0" workflow="secret_exposure" --duration=1h --comment="${name}: who, and why"`);
  assert.match(await text(page, "details"), /In Alertmanager the credential acme\/payments#7 is called credential-0:/);
  await page.evaluate(() => { navigator.clipboard.writeText = async (copied) => { window.copied = copied; }; });
  await page.click("details button");
  await page.waitForFunction(() => document.querySelector("details button").textContent === "Copied");
  assert.equal(await page.evaluate(() => window.copied), await text(page, "pre.wraps"));
  await page.evaluate(() => { navigator.clipboard.writeText = async () => { throw new Error("not allowed"); }; });
  await page.click("details button");
  await page.waitForFunction(() => /^Selected/.test(document.querySelector("details button").textContent));
  assert.equal(await page.evaluate(() => getSelection().toString().trim()), await text(page, "pre.wraps"));
  await clean(opened);
  // What a stranger calls a credential means nothing to a shell.
  const hostile = await shown(t, exposure({ name: "a\"; rm -rf $HOME `id` !! '\n\u202e", alerts }));
  assert.match(await text(hostile.page, "pre.wraps"), /--comment="a__ rm -rf _HOME _id_ __ ___: who, and why"$/);
});

test("the board and the page of an alert say what evidence is, and what an alert is by chance", async (t) => {
  const now = Date.now(), at = new Date(now).toISOString(), words = /added up over all decisions .*An alert fires from 1,000 on: a reviewer at the allowed rates gets one by chance at most once in 1,000 decisions, on average\. It does not say how probable/;
  const alert = { reviewer: "reviewer-0", at, ended_at: null, since: at, statistic: 2538, threshold: 1000, signals: [{ signal: "dwell", observed: 4, signs: 4, allowed: 0.1, statistic: 3 }], path: [] };
  const url = await made(t, (response) => send(response, "whole", frame(1, now, ["a"])), (path) => (path.startsWith("/api/v1/reviewer-alerts/") ? [200, { as_of: at, alert, known_as: {}, runbook: "/runbook/RubberStampSuspected", period: {}, figures: null, catching_up: { behind_ms: 20_000, records: 0 } }] : null));
  const chromium = await browser(t), board = await open(chromium, url);
  assert.match(await text(board.page, "#suspects-means"), words);
  assert.match(await text(board.page, ".suspect .who"), /evidence 1,500$/);
  await clean(board);
  const nobody = frame(1, now, ["a"]);
  nobody.parts.suspected = { more: 0, pages: [] };
  const quiet = await open(chromium, await made(t, (response) => send(response, "whole", nobody)));
  assert.ok(await quiet.page.$eval("#suspects-means", (means) => means.hidden), "without an alert there is nothing to explain");
  const page = await open(chromium, url, { path: "/reviewer/reviewer-0", shows: ".about h1" });
  assert.match(await text(page.page, ".about"), words);
  assert.match(await text(page.page, ".about .lead"), /The evidence came to 2,538\./);
  assert.equal(await text(page.page, "#link"), "Catching up: under a minute");
  await clean(page);
});

test("on the pages about one thing, as on the board, ? shows the keys that work there", async (t) => {
  const at = new Date().toISOString(), answer = exposure(), alert = { reviewer: "reviewer-0", at, ended_at: null, since: at, statistic: 2538, threshold: 1000, signals: [], path: [] };
  const url = await made(t, (response) => send(response, "whole", frame(1, Date.now(), ["a"])), (path) => (path.startsWith("/api/v1/exposures/") ? [200, answer] : path.startsWith("/api/v1/reviewer-alerts/") ? [200, { as_of: at, alert, known_as: {}, runbook: "/runbook/RubberStampSuspected", period: {}, figures: null, catching_up: null }] : null));
  const chromium = await browser(t);
  for (const [path, shows, expected] of [
    ["/", "#windows li", ["/", "j k", "Enter", "Esc", "?"]],
    [`/exposure/${encodeURIComponent(answer.exposure_id)}`, ".about h1", ["Esc", "?"]], ["/reviewer/reviewer-0", ".about h1", ["Esc", "?"]],
  ]) {
    const opened = await open(chromium, url, { path, shows }), { page } = opened, here = page.url();
    const shown = () => page.$eval("#help", (help) => help.open);
    for (const show of [() => page.keyboard.press("?"), () => page.click("#keys")]) {
      await show();
      assert.ok(await shown(), path);
      await page.keyboard.press("Escape");
      await until("the help is closed", async () => !(await shown()));
      assert.equal(page.url(), here, "Escape closes the help and nothing else");
    }
    await page.keyboard.press("?");
    assert.deepEqual(await page.$$eval("#help th", (keys) => keys.map((key) => key.textContent)), expected, path);
    assert.deepEqual(await axe(page), [], path);
    await page.click("#help button");
    assert.ok(!(await shown()));
    if (path !== "/") {
      await page.keyboard.press("Escape");
      await page.waitForSelector("#windows li", { visible: true });
    }
    await clean(opened);
    await page.close();
  }
});
