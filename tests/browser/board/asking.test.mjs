// What somebody asks the list for: by a count of alerts, by the address, step by step and back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { until, wait } from "./demo.mjs";
import { frame, made, send } from "./made.mjs";
import { LOOKS, SHOTS, axe, browser, clean, fits, open } from "./page.mjs";
import { event, leak, run } from "./run.mjs";

const text = (page, selector) => page.$eval(selector, (node) => node.textContent);
const names = (page) => page.$$eval("#windows .cred", (rows) => rows.map((row) => row.textContent));
const fields = (page, ...ids) => page.evaluate((all) => all.map((id) => document.getElementById(`by-${id}`).value), ids);
const search = (page) => new URL(page.url()).search;
const rows = async (page, ...expected) => {
  let seen = [];
  await until("the rows", async () => { seen = await names(page).catch(() => []); return seen.join() === expected.join(); }).catch(() => assert.deepEqual(seen, expected));
};

const DELIVERED = [
  leak("fresh", 60, { severity: "critical" }), leak("overdue", 700), leak("late", 2_000, { owner: "identity" }), leak("later", 3_000),
  leak("revoked", 90_000), event("decision.made", "revoked", 89_900, { reviewer: "dana", action: "revoke" }),
];

test("a count of alerts filters the list, and a link beside it says what to do", async (t) => {
  const { url, deliver } = await run(t, { token: null });
  await deliver(DELIVERED, 5);
  const opened = await open(await browser(t), url), { page } = opened;
  await rows(page, "fresh", "overdue", "late", "later");
  const chips = () => page.$$eval("#firing li", (items) => Object.fromEntries(items.map((item) => [item.querySelector("a").textContent, item.querySelector("b").textContent])));
  // Of due soon, overdue and late each exposure counts once, by the strongest.
  await until("the counts", async () => Object.keys(await chips()).length === 3);
  assert.deepEqual(await chips(), { "review overdue": "1", "attacker likely present": "2", "containment overdue": "1" });
  assert.deepEqual(await page.$$eval("#firing .book", (links) => links.map((link) => [new URL(link.href).pathname, link.getAttribute("aria-label")])), [["/runbook/ReviewOverdue", "runbook: review overdue"], ["/runbook/AttackerLikelyPresent", "runbook: attacker likely present"], ["/runbook/ContainmentOverdue", "runbook: containment overdue"]]);
  const click = (alert) => page.click(`#firing a[data-alert=${alert}]`);
  await click("AttackerLikelyPresent");
  await rows(page, "late", "later");
  assert.equal(search(page), "?state=all&alert=AttackerLikelyPresent");
  assert.deepEqual(await fields(page, "state", "alert"), ["all", "AttackerLikelyPresent"]);
  assert.equal(await text(page, "#firing a[aria-current]"), "attacker likely present");
  await until("the list is in sight", async () => page.evaluate(() => document.getElementById("race").getBoundingClientRect().top < 200));
  // A decided one does not wait, and is found all the same.
  await click("ContainmentOverdue");
  await rows(page, "revoked");
  const csv = await (await fetch(await page.$eval("#csv", (link) => link.href))).text();
  assert.equal(csv.split("\r\n").length, 3);
  await page.goBack();
  await rows(page, "late", "later");
  // The counts of the menus follow the other filters, and the header says what it counts.
  const menu = (id) => page.$$eval(`#by-${id} option`, (options) => options.map((option) => option.textContent));
  assert.deepEqual(await menu("severity"), ["any", "high (2)"]);
  assert.match(await text(page, "#race-count"), /^of all that wait now: 1 in time · 1 overdue · 2 late/);
  // A search that finds nothing leaves no choices; they are there again as soon as it is cleared.
  await page.type("#by-q", "no such name");
  await until("a menu without choices", async () => (await menu("severity")).length === 1);
  await page.click("#clear");
  await until("a menu with all choices", async () => (await menu("severity")).join() === "any,critical (1),high (3)");
  await page.goBack();
  await page.goBack();
  // By hand: a review is one that was made.
  await page.click("#clear");
  await rows(page, "fresh", "overdue", "late", "later");
  assert.match(await text(page, "#race-count"), /^waiting now: 1 in time/);
  await page.select("#by-quality", "unjudged");
  await until("a state that has decisions", async () => (await fields(page, "state"))[0] === "all");
  assert.deepEqual(await axe(page), []);
  await clean(opened);
});

test("every question is a step, a word is one, and a page leads back to it", async (t) => {
  const { url, deliver } = await run(t, { token: null });
  await deliver(DELIVERED, 5);
  const opened = await open(await browser(t), url, { motion: "reduce" }), { page } = opened;
  await rows(page, "fresh", "overdue", "late", "later");
  await page.select("#by-severity", "critical");
  await rows(page, "fresh");
  await page.select("#by-severity", "");
  await page.select("#by-sort", "oldest");
  await rows(page, "later", "late", "overdue", "fresh");
  await page.type("#by-q", "late");
  await rows(page, "later", "late");
  assert.equal(search(page), "?q=late&sort=oldest");
  await page.goBack();
  await rows(page, "later", "late", "overdue", "fresh");
  assert.deepEqual([search(page), ...await fields(page, "q", "sort")], ["?sort=oldest", "", "oldest"]);
  await page.goBack();
  await rows(page, "fresh", "overdue", "late", "later");
  await page.goBack();
  await rows(page, "fresh");
  await page.goForward();
  await page.goForward();
  await page.goForward();
  await rows(page, "later", "late");
  await page.click("#zone");
  await page.waitForSelector("#windows li", { visible: true });
  await rows(page, "later", "late");
  assert.equal(search(page), "?q=late&sort=oldest&tz=local");
  // A click anywhere in a row opens its page; the page leads back to what was asked for.
  const far = async () => { const count = await page.$("#windows li:not(.group) .count"); await count.evaluate((node) => node.scrollIntoView({ block: "center" })); const box = await count.boundingBox(); await page.mouse.click(box.x + box.width / 2, box.y + 40); await page.waitForSelector(".about h1", { visible: true }); };
  await far();
  assert.equal(await text(page, "h1"), "later");
  assert.equal(await text(page, "#back"), "← Back to the list");
  // The row that was opened is the one at hand again, whichever way leads back.
  const atHand = () => until("the row at hand", () => page.evaluate(() => document.activeElement.closest("#windows") && document.activeElement.textContent === "later"));
  await page.click("#back");
  await page.waitForSelector("#windows li", { visible: true });
  await rows(page, "later", "late");
  assert.equal(search(page), "?q=late&sort=oldest&tz=local");
  await atHand();
  await far();
  await page.goBack();
  await rows(page, "later", "late");
  await atHand();
  await far();
  await page.keyboard.press("Escape");
  await page.waitForSelector("#windows li", { visible: true });
  await rows(page, "later", "late");
  assert.deepEqual(await fields(page, "q", "sort"), ["late", "oldest"]);
  await far();
  await page.click(".home a");
  await page.waitForSelector("#windows li", { visible: true });
  await rows(page, "later", "late");
  await clean(opened);
});

test("what the address asks for is shown, or why it is not, and nothing else before", async (t) => {
  let answers = null;
  const list = new Promise((resolve) => { answers = resolve; });
  const url = await made(t, (response) => send(response, "whole", frame(1, Date.now(), ["a", "b"])), async (path) => (path.startsWith("/api/v1/board/windows?") ? list : null));
  const opened = await open(await browser(t), url, { path: "/?severity=low", shows: "#windows-why" }), { page } = opened;
  await wait(500);
  assert.deepEqual([await names(page), await text(page, "#windows-why")], [[], "Looking for the windows that match."]);
  answers([200, { matching: 0, rows: [], choices: {} }]);
  await until("the answer", async () => (await text(page, "#windows-why")) === "No window that waits matches.");
  await page.click("#windows-everywhere");
  await until("every state", async () => (await text(page, "#windows-why")) === "No window matches.");
  assert.equal(search(page), "?state=all&severity=low");
  await page.click("#windows-clear");
  await rows(page, "b", "a");
  await clean(opened);
});

test("Escape keeps the row that was selected: in the list, and from the help, a search and a menu", async (t) => {
  const url = await made(t, (response) => send(response, "whole", frame(1, Date.now(), ["a", "b", "c", "d"])));
  const opened = await open(await browser(t), url), { page } = opened, escape = () => page.keyboard.press("Escape");
  const selected = () => page.evaluate(() => document.activeElement.closest("#windows") && document.activeElement.textContent);
  const help = () => page.$eval("#help", (dialog) => dialog.open);
  await rows(page, "d", "c", "b", "a");
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  assert.equal(await selected(), "c");
  await escape();
  assert.equal(await selected(), "c", "in the list");
  for (const [how, show] of [["by its key", () => page.keyboard.press("?")], ["by its button", () => page.click("#keys")]]) {
    await show();
    assert.ok(await help());
    await escape();
    assert.deepEqual([await help(), await selected()], [false, "c"], `from the help, opened ${how}`);
  }
  // The search empties the list; Escape brings all rows back, and the one that was selected is selected.
  await page.keyboard.press("/");
  await page.keyboard.type("nothing");
  await rows(page);
  await escape();
  await rows(page, "d", "c", "b", "a");
  assert.deepEqual([await selected(), await fields(page, "q")], ["c", [""]], "from a search");
  await page.keyboard.press("/");
  await escape();
  assert.equal(await selected(), "c", "from a search for nothing");
  // In a menu Escape only leads back: it takes no choice away.
  await page.select("#by-severity", "");
  await page.focus("#by-sort");
  await page.select("#by-sort", "oldest");
  await page.focus("#by-sort");
  await rows(page);
  await escape();
  assert.equal(search(page), "?sort=oldest");
  await page.evaluate(() => document.activeElement.blur());
  await escape();
  await rows(page, "d", "c", "b", "a");
  await page.focus("#by-sort");
  await escape();
  assert.equal(await selected(), "c", "from a menu");
  await page.keyboard.press("j");
  assert.equal(await selected(), "b", "and the keys go on from there");
  await clean(opened);
});

test("the owner of an exposure leads to all windows of that owner", async (t) => {
  const { url, deliver } = await run(t, { token: null });
  await deliver([...DELIVERED, leak("other", 400, { owner: "identity-platform" }), leak("closed", 80_000, { owner: "identity" }), event("decision.made", "closed", 79_900, { reviewer: "dana", action: "revoke" })], 7);
  const opened = await open(await browser(t), url, { path: "/?q=late&sort=oldest" }), { page } = opened;
  await rows(page, "later", "late");
  await page.click("#windows li:nth-child(2) a");
  await page.waitForSelector(".about h1", { visible: true });
  assert.equal(await text(page, "h1"), "late");
  const owner = await page.waitForSelector(".facts a[href*=owner]", { visible: true });
  assert.equal(await owner.evaluate((link) => link.textContent), "identity");
  await owner.click();
  await page.waitForSelector("#windows li", { visible: true });
  // Whoever has this name, decided or not, and nobody whose name only begins like it.
  await rows(page, "late", "closed");
  assert.deepEqual([search(page), ...await fields(page, "owner", "state", "q", "sort")], ["?state=all&owner=identity", "identity", "all", "", "urgency"]);
  assert.ok(await page.evaluate(() => document.getElementById("race").getBoundingClientRect().top < 200), "it leads to the list");
  await page.goBack();
  await page.waitForSelector(".about h1", { visible: true });
  await clean(opened);
});

test("a name in the address that the board does not know is told, and the line goes when it is cleared", async (t) => {
  const { url, deliver } = await run(t, { token: null });
  await deliver(DELIVERED, 5);
  const chromium = await browser(t);
  const opened = await open(chromium, url, { path: "/?sverity=low&team=<b>x&severity=critical" }), { page } = opened;
  await rows(page, "fresh");
  assert.match(await text(page, "#unknown-why"), /does not know: sverity, team\. The list is without it\. Known are q, state, alert,/);
  assert.equal(search(page), "?severity=critical", "the address says what the list shows");
  assert.deepEqual(await axe(page), []);
  await page.screenshot({ path: `${SHOTS}/unknown.png` });
  await page.select("#by-severity", "");
  await rows(page, "fresh", "overdue", "late", "later");
  await page.goBack();
  await rows(page, "fresh");
  assert.ok(await page.$eval("#unknown", (line) => !line.hidden), "it stays until it is cleared");
  await page.click("#unknown-clear");
  assert.ok(await page.$eval("#unknown", (line) => line.hidden));
  await rows(page, "fresh");
  await page.goto(`${url}/?tz=local&state=all`);
  await page.waitForSelector("#windows li", { visible: true });
  assert.ok(await page.$eval("#unknown", (line) => line.hidden), "what the board knows is not told");
  await clean(opened);
});

test("a filter that there is not is told, and cleared", async (t) => {
  const { url, deliver } = await run(t, { token: null });
  await deliver(DELIVERED, 5);
  const chromium = await browser(t);
  for (const [asked, told] of [["?severity=purple", /`severity` is one of critical, high|`severity` is one of/], ["?state=lost", /`state` is one of waiting/], ["?sort=luck", /`sort` is one of urgency/]]) {
    const page = await chromium.newPage();
    await page.goto(`${url}/${asked}`);
    await until("why there are no rows", async () => told.test(await page.$eval("#windows-why", (why) => why.textContent).catch(() => "")));
    assert.deepEqual(await names(page), []);
    await page.click("#windows-clear");
    await rows(page, "fresh", "overdue", "late", "later");
    assert.equal(search(page), "");
    await page.close();
  }
  for (const [name, options] of LOOKS) {
    const looked = await open(chromium, url, { path: "/?state=all&alert=AttackerLikelyPresent#race", ...options });
    await rows(looked.page, "late", "later");
    assert.ok(await looked.page.evaluate(() => document.getElementById("race").getBoundingClientRect().top < 200), "a link leads to the list");
    assert.deepEqual(await axe(looked.page), [], name);
    await fits(looked.page, name);
    await looked.page.screenshot({ path: `${SHOTS}/asked-${name}.png` });
    await looked.page.close();
  }
});
