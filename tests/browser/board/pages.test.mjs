// The pages about one exposure and one reviewer, the list as somebody asks for it, and signing in:
// a run on a local store, driven in Chromium.
import assert from "node:assert/strict";
import { test } from "node:test";
import { demo, until, wait } from "./demo.mjs";
import { LOOKS, SHOTS, axe, browser, clean, fits, open } from "./page.mjs";
import { TOKEN, event, leak, run } from "./run.mjs";

const HOSTILE = ["<img src=x onerror=alert(1)>", "</title><script>window.owned = 1</script>", "=cmd|' /C calc'!A0", "a\u202Egpj.exe", "${alert(1)}\"'`&amp;", "javascript:alert(1)", "../../etc", "%2e%2e%2f", "ا".repeat(60), "x".repeat(200)];

const text = (page, selector) => page.$eval(selector, (node) => node.textContent);
const names = (page) => page.$$eval("#windows .cred", (rows) => rows.map((row) => row.textContent));

async function signIn(page) {
  await page.waitForSelector("#ask", { visible: true });
  await page.type("#token", TOKEN);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#ask", { hidden: true });
}

test("a link in a page leads to the exposure, past the sign-in", async (t) => {
  const { url, deliver } = await run(t);
  const id = "github:example-org/payments#7";
  await deliver([
    leak(id, 700, { exposed_at: new Date(Date.now() - 705_000).toISOString(), exposed_at_quality: "commit", incident: "push-1", aliases: ["AKIAEXAMPLENAME"] }),
    event("triage.completed", id, 650, { recommendation: "revoke", confidence: 0.9, model: "triage-1", summary_words: 400 }),
    event("review.opened", id, 641, { reviewer: "dana", evidence: "summary" }),
    event("decision.made", id, 640, { reviewer: "dana", action: "revoke", verdict: "approve", rationale_words: 9 }),
    event("credential.abused", id, 100),
  ], 1);
  const page = await (await browser(t)).newPage();
  const violations = [];
  page.on("console", (message) => { if (/Content Security Policy/.test(message.text())) violations.push(message.text()); });
  const answer = await fetch(`${url}/api/v1/windows`, { headers: { authorization: `Bearer ${TOKEN}` } });
  const { windows: [{ record }] } = await answer.json();
  await page.goto(`${url}/exposure/${encodeURIComponent(record.exposure_id)}`);
  await page.waitForSelector("#ask", { visible: true });
  assert.equal(await page.evaluate(() => document.activeElement.id), "token");
  assert.deepEqual(await axe(page), []);
  await page.keyboard.type("wrong\n");
  await until("the refusal", async () => (await text(page, "#refused")).length > 0);
  await signIn(page);
  await page.waitForSelector(".alarm", { visible: true });
  const shown = await text(page, "#main");
  for (const expected of [/AKIAEXAMPLENAME/, /example-org\/app/, /Ownerpayments/, /Adviceterminate|Advicerevoke/, /90 %/, /Decided byreviewer-/, /Answer to the AIapprove/, /the AI's summary/, /attack observed/, /amtool silence add credential="credential-[0-9a-f]{16}"/, /Used by an attacker/]) assert.match(shown, expected);
  const cookies = await page.cookies();
  assert.equal(cookies.length, 1);
  assert.deepEqual([cookies[0].httpOnly, cookies[0].sameSite, cookies[0].value.includes(TOKEN)], [true, "Strict", false]);
  assert.deepEqual(await page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length]), ["", 0, 0]);
  // A link from elsewhere works, too: the page asks for its figures from this server itself.
  await page.goto("about:blank");
  await page.goto(`${url}/`);
  await page.waitForSelector("#windows li", { visible: true });
  await page.click("#sign-out");
  await page.waitForSelector("#ask", { visible: true });
  assert.deepEqual(violations, []);
});

test("a page says what is not known, and sounds no alarm about an attack that was answered", async (t) => {
  const { url, ask, deliver } = await run(t, { token: null });
  const exposed = (seconds) => ({ exposed_at: new Date(Date.now() - 1000 * seconds).toISOString(), exposed_at_quality: "exact" });
  await deliver([
    leak("answered", 700, exposed(705)), event("decision.made", "answered", 650, { reviewer: "dana", action: "revoke" }),
    event("credential.abused", "answered", 600), event("decision.made", "answered", 500, { reviewer: "dana", action: "dismiss" }),
    leak("unknown", 700), event("decision.made", "unknown", 650, { reviewer: "dana", action: "dismiss" }),
  ], 2);
  const { windows } = await (await ask("/api/v1/windows")).json();
  const chromium = await browser(t);
  const shown = async (name) => {
    const { record } = windows.find((one) => one.record.credential_id === name);
    const opened = await open(chromium, url, { path: `/exposure/${encodeURIComponent(record.exposure_id)}`, shows: ".about h1" });
    const told = [await text(opened.page, "#main"), (await opened.page.$$(".alarm")).length];
    await clean(opened);
    await opened.page.close();
    return told;
  };
  const [answered, alarms] = await shown("answered");
  assert.match(answered, /Used by an attacker/);
  assert.equal(alarms, 0);
  assert.match(answered, /\(in time\)/);
  const [unknown] = await shown("unknown");
  assert.match(unknown, /in time after it was found; when it was exposed is not known/);
  assert.match(unknown, /from the detection to the decision/);
});

test("the list is searched, filtered, sorted, shared, saved and walked through by keyboard", async (t) => {
  const { url, deliver } = await run(t, { token: null });
  await deliver([
    leak("one", 60, { severity: "critical" }), leak("two", 120, { severity: "critical", owner: "identity" }),
    leak("three", 1_500), leak("four", 300, { severity: "low", source: "other-scanner" }), event("credential.abused", "four", 20), leak("five", 90, { owner: null, severity: null }),
  ].map((made) => Object.fromEntries(Object.entries(made).filter(([, value]) => value !== null))), 5);
  const chromium = await browser(t), opened = await open(chromium, url), { page } = opened;
  await until("all rows", async () => (await names(page)).length === 5);
  assert.deepEqual(await names(page), ["four", "two", "one", "three", "five"]);
  // All critical ones of one team.
  await page.select("#by-severity", "critical");
  await page.type("#by-owner", "pay");
  await until("the filtered rows", async () => (await names(page)).join() === "one");
  assert.match(page.url(), /\?severity=critical&owner=pay$/);
  assert.match(await text(page, "#windows-more"), /^1 window matches/);
  // Share what you see: the address alone shows the same to somebody else.
  const other = await open(chromium, url, { path: new URL(page.url()).search });
  await until("the same rows", async () => (await names(other.page)).join() === "one");
  assert.deepEqual(await other.page.evaluate(() => [document.getElementById("by-severity").value, document.getElementById("by-owner").value]), ["critical", "pay"]);
  await other.page.close();
  await page.bringToFront();
  const csv = await (await fetch(await page.$eval("#csv", (link) => link.href))).text();
  assert.equal(csv.split("\r\n").length, 3);
  await page.click("#clear");
  await until("all rows again", async () => (await names(page)).length === 5);
  await page.select("#by-severity", "low");
  await until("the low one", async () => (await names(page)).join() === "four");
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("Escape");
  await until("all rows, cleared from outside of the fields", async () => (await names(page)).length === 5);
  assert.equal(new URL(page.url()).search, "");
  // By keyboard.
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "by-q");
  await page.keyboard.type("THREE");
  await until("what was searched for", async () => (await names(page)).join() === "three");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await until("all rows once more", async () => (await names(page)).length === 5);
  const focused = () => page.evaluate(() => document.activeElement.textContent);
  for (const [key, name] of [["j", "four"], ["j", "two"], ["j", "one"], ["k", "two"]]) { await page.keyboard.press(key); assert.equal(await focused(), name); }
  await page.keyboard.press("?");
  assert.ok(await page.$eval("#help", (help) => help.open));
  assert.deepEqual(await axe(page), []);
  await page.keyboard.press("Escape");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".about h1", { visible: true });
  assert.equal(await text(page, "h1"), "two");
  // From a figure on a dashboard: the page of the window that waits longest, and no way back into a loop.
  const direct = await open(chromium, url, { path: "/?sort=oldest&owner=payments&go=first", shows: ".about h1" });
  assert.equal(await text(direct.page, "h1"), "three");
  await clean(direct);
  await direct.page.close();
  await page.bringToFront();
  // Local time, kept in the address.
  await page.click("#zone");
  await page.waitForSelector(".about h1", { visible: true });
  assert.match(page.url(), /\?tz=local$/);
  await clean(opened);
  for (const [name, options] of LOOKS) {
    const looked = await open(chromium, url, { path: "/?state=all&sort=oldest", ...options });
    await wait(600);
    assert.deepEqual(await axe(looked.page), [], name);
    await fits(looked.page, name);
    await looked.page.screenshot({ path: `${SHOTS}/list-${name}.png` });
    await clean(looked);
    await looked.page.close();
  }
});

test("what strangers write does nothing on any page", async (t) => {
  const { url, ask, deliver } = await run(t, { token: null });
  const events = HOSTILE.flatMap((name, at) => {
    const id = `${at}${name}`, more = { location: name, owner: name, incident: name };
    return [leak(id, 900, more), event("triage.completed", id, 850, { recommendation: "revoke", model: name, summary_words: 300 }), event("decision.made", id, 845, { reviewer: name, action: "revoke", verdict: "approve" })];
  });
  await deliver(events, HOSTILE.length);
  const { windows } = await (await ask("/api/v1/windows")).json();
  assert.equal(windows.length, HOSTILE.length);
  const chromium = await browser(t);
  for (const { record } of windows) {
    const opened = await open(chromium, url, { path: `/exposure/${encodeURIComponent(record.exposure_id)}`, shows: ".about h1" });
    assert.equal(await text(opened.page, "h1"), record.credential_id);
    assert.deepEqual(await opened.page.evaluate(() => [typeof window.owned, document.querySelectorAll("main img, main script, main a[href^=javascript]").length]), ["undefined", 0]);
    await fits(opened.page, record.credential_id);
    await clean(opened);
    await opened.page.close();
  }
  const board = await open(chromium, url, { path: "/?state=all" });
  await until("all rows", async () => (await names(board.page)).length === HOSTILE.length);
  assert.equal(await board.page.evaluate(() => typeof window.owned), "undefined");
  await fits(board.page, "the board");
  await clean(board);
  const lost = await open(chromium, url, { path: "/exposure/%3Cscript%3Ewindow.owned=1%3C%2Fscript%3E%ff", shows: "h1" });
  assert.equal(await lost.page.evaluate(() => typeof window.owned), "undefined");
});

test("every kind of page is readable by everybody", async (t) => {
  const { url } = await demo(t), chromium = await browser(t);
  const get = async (path) => (await fetch(`${url}${path}`)).json();
  const { alerts: [{ reviewer }] } = await until("an alert about a reviewer", async () => { const all = await get("/api/v1/reviewer-alerts"); return all.alerts.length > 0 && all; });
  // While the demo catches up, windows of a day leave within seconds. Of those that stay the oldest go first.
  const hollow = await until("a demo that has caught up", async () => {
    const { windows } = await get("/api/v1/windows?state=closed&limit=500");
    const found = windows.findLast(({ record }) => record.hollow?.includes("impossible_reading")) ?? windows.at(-1);
    const answer = found && await get(`/api/v1/exposures/${encodeURIComponent(found.record.exposure_id)}`);
    return answer?.catching_up === null && found;
  });
  const pages = [
    ["exposure", `/exposure/${encodeURIComponent(hollow.record.exposure_id)}`, ".about h1"],
    ["reviewer", `/reviewer/${encodeURIComponent(reviewer)}`, ".about h1"],
    ["runbook", "/runbook/AttackObserved", "h1"], ["missing", "/exposure/none", "h1"],
  ];
  for (const [kind, path, shows] of pages) {
    for (const [name, options] of LOOKS) {
      const looked = await open(chromium, url, { path, shows, ...options });
      await looked.page.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
      assert.deepEqual(await axe(looked.page), [], `${kind} ${name}`);
      await fits(looked.page, `${kind} ${name}`);
      await looked.page.screenshot({ path: `${SHOTS}/${kind}-${name}.png`, fullPage: true });
      await clean(looked);
      await looked.page.close();
    }
  }
});

test("a window with 256 events has a page, and ten thousand aliases make none", async (t) => {
  const { url, ask, deliver } = await run(t, { token: null });
  const id = "github:example-org/often#1", before = 600;
  await deliver([leak(id, before), ...Array.from({ length: 255 }, (_, at) => leak(id, before - 1 - at))], 1);
  const { windows: [{ record }] } = await (await ask("/api/v1/windows")).json();
  assert.equal(record.detections, 256);
  const opened = await open(await browser(t), url, { path: `/exposure/${encodeURIComponent(record.exposure_id)}`, shows: ".about h1" });
  assert.match(await text(opened.page, "#main"), /256/);
  await fits(opened.page, "256 events");
  await deliver([leak("too-many-names", 5, { aliases: Array.from({ length: 10_000 }, (_, at) => `alias-${at}`) }), leak("the-next", 5)], 2);
  await until("the refusal", async () => /shutterlag_events_rejected_total\{[^}]*\} [1-9]/.test(await (await ask("/metrics")).text()));
  const { windows } = await (await ask("/api/v1/windows")).json();
  assert.deepEqual(windows.map((one) => one.record.credential_id).sort(), [id, "the-next"]);
  await clean(opened);
});

test("what people come for, each in at most three steps from the board", async (t) => {
  const { url } = await demo(t), opened = await open(await browser(t), url), { page } = opened;
  const steps = [];
  const click = async (what, selector) => { steps.push(what); await page.evaluate((it) => document.querySelector(it).click(), selector); };
  const choose = async (field, value) => { steps.push(`${field}: ${value}`); await page.select(`#by-${field}`, value); };
  const within = (most) => { assert.ok(steps.length <= most, steps.join(", ")); steps.length = 0; };
  const home = async () => { await page.goto(url); await page.waitForSelector("#windows li a", { visible: true }); steps.length = 0; };
  const facts = () => page.$$eval(".facts > div", (all) => Object.fromEntries(all.map((one) => [one.querySelector("dt").textContent, one.querySelector("dd").textContent])));
  // Is it better than last month: nothing to do at all.
  await until("the trend", async () => (await page.$$("#trend tr")).length === 4);
  assert.match(await text(page, "#trend"), /30 days/);
  // Which windows have an attacker in them: they come first, and can be had alone.
  await until("an attack, which comes first", async () => /^Attack observed/.test(await text(page, "#windows li.group")));
  await choose("state", "attacked");
  await until("attacked windows alone", async () => { const counts = await page.evaluate(() => [...document.querySelectorAll("#windows .count")].map((count) => count.textContent)); return counts.length > 0 && counts.every((count) => count.startsWith("‼")); });
  within(1);
  // All critical ones of one team, and what is seen is shared by its address.
  await home();
  await until("teams to choose from", async () => (await page.$$("#owners option")).length > 2);
  const team = await page.$eval("#owners option:nth-child(2)", (option) => option.value);
  await choose("severity", "critical");
  steps.push(`owner: ${team}`);
  await page.type("#by-owner", team);
  await until("their windows", async () => /match/.test(await text(page, "#windows-more")));
  assert.deepEqual([...new URL(page.url()).searchParams], [["severity", "critical"], ["owner", team]]);
  within(2);
  // What leaked and where, whose it is, what the AI said, and how to mute it for an hour.
  await home();
  await click("the first window", "#windows li a");
  await page.waitForSelector(".about h1", { visible: true });
  const open_one = await facts();
  for (const name of ["Credential", "Place", "Owner", "Advice"]) assert.ok(open_one[name]?.length > 1, `${name}: ${JSON.stringify(open_one)}`);
  await click("mute", "details summary");
  assert.match(await text(page, "pre.wraps"), /^amtool silence add .*--duration=1h/);
  within(2);
  // Who decided, how long that took, and why it was hollow.
  await home();
  await choose("state", "closed");
  await until("hollow ones among the closed", async () => page.evaluate(() => { const row = [...document.querySelectorAll("#windows li")].find((item) => item.querySelector(".count")?.textContent.startsWith("hollow")); if (row) row.querySelector("a").id = "hollow-one"; return row !== undefined; }));
  await click("one that was hollow", "#hollow-one");
  await page.waitForSelector(".verdict.hollow", { visible: true });
  const hollow = await facts();
  assert.match(hollow["Decided by"], /^reviewer-/);
  assert.match(hollow["Time to review"], /\d/);
  assert.ok((await text(page, ".why")).length > 20);
  within(2);
  await clean(opened);
});
