// What there must be room for: on a phone the list, every count and every column; everywhere the end
// of a name and the last line of a card.
import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "./demo.mjs";
import { exposure, frame, made, send } from "./made.mjs";
import { SHOTS, browser, clean, fits, open, shift } from "./page.mjs";

const PHONE = { width: 390, height: 844, scale: 2 };
const LONG = ["npm:example-org/payments-api-22-of-the-eastern-region#912", "npm:example-org/payments-api-22-of-the-eastern-region#913"];
const ALERTS = { AttackObserved: 12, ReviewDueSoon: 3, ReviewOverdue: 1, AttackerLikelyPresent: 47, ContainmentOverdue: 53, AiActedFirst: 2, HollowApproval: 149, SeededCaseMissed: 3, RubberStampSuspected: 2 };

/** A board with all that it may have to show at once. */
function full() {
  const all = frame(1, Date.now(), LONG), { rate } = all.parts;
  all.parts.firing = ALERTS;
  rate.others.push({ ...rate.others[0], workflow: "entitlement_review" });
  Object.assign(rate, { older_open: 13, unknown: 144, withdrawn: 20, hollow: 124, judged: 539, median_ms: { low: 967_000, high: 237_600_000 }, by_reason: { evidence_unopened: 103, templated_rationale: 53, impossible_reading: 10, unauthorized: 7, self_approval: 2 }, complete: false });
  for (const row of Object.values(all.lists.windows.set)) Object.assign(row, { owner: "a-team-with-a-long-name@engineering.example.org", location: "example-org/payments-api" });
  return all;
}

test("on a phone the list begins on the first screen and every count is seen", async (t) => {
  const opened = await open(await browser(t), await made(t, (response) => send(response, "whole", full())), PHONE), { page } = opened;
  const [list, hidden, seen] = await page.evaluate(() => {
    const chips = document.getElementById("firing");
    return [document.getElementById("race").getBoundingClientRect().top, chips.scrollHeight - chips.clientHeight, chips.childElementCount];
  });
  assert.ok(list < 844, `the list begins at ${list}`);
  assert.deepEqual([hidden <= 1, seen], [true, 9]);
  const details = () => page.$eval("#trend", (table) => table.checkVisibility());
  assert.equal(await details(), false);
  await page.click("#rate-more summary");
  assert.equal(await details(), true);
  await fits(page, "the board");
  await page.screenshot({ path: `${SHOTS}/room-phone.png`, fullPage: true });
  await clean(opened);
});

test("on a usual screen the first windows, the rate and the counts of alerts are seen without scrolling, and nothing moves them", async (t) => {
  const all = full(), [row] = Object.values(all.lists.windows.set);
  for (let at = 2; at < 30; at += 1) all.lists.windows.set[`k${at}`] = { ...row, id: `${row.id}-${at}`, credential: `${row.credential}-${at}` };
  const url = await made(t, (response) => {
    send(response, "whole", frame(1, Date.now(), LONG));
    // More of everything comes later.
    setTimeout(() => send(response, "change", { ...all, n: 2 }), 1_000);
  });
  const chromium = await browser(t);
  for (const scheme of ["light", "dark"]) {
    const opened = await open(chromium, url, { scheme, width: 1440, height: 900 }), { page } = opened;
    await until("the rows", async () => (await page.$$("#windows .cred")).length === 30);
    await until("the rows are at their places", async () => page.evaluate(() => document.getAnimations().every((one) => one.playState === "finished")));
    const bottoms = await page.evaluate(() => ["#windows li:not(.group):nth-of-type(5)", "#bands-key", "#firing"].map((what) => document.querySelector(what).getBoundingClientRect().bottom));
    assert.ok(bottoms.every((bottom) => bottom <= 900), `the fourth window, the key of the rate and the counts of alerts end at ${bottoms}`);
    assert.ok(await page.$eval("#firing", (chips) => chips.childElementCount === 9 && chips.scrollHeight - chips.clientHeight <= 1), "all counts");
    assert.ok(await page.$eval(".rate", (card) => card.scrollHeight <= card.clientHeight + 1), "the rate's card shows all of it");
    const { worst, moved } = await shift(page);
    assert.ok(worst <= 0.02, `${worst} by ${moved}`);
    await fits(page, scheme);
    await page.screenshot({ path: `${SHOTS}/room-usual-${scheme}.png` });
    await clean(opened);
    await page.close();
  }
});

test("a name that is cut keeps its end, and no card cuts its last line", async (t) => {
  const url = await made(t, (response) => send(response, "whole", full())), chromium = await browser(t);
  for (const options of [{}, PHONE]) {
    const opened = await open(chromium, url, options), { page } = opened;
    await until("the rows", async () => (await page.$$("#windows .cred")).length === 2);
    const ends = await page.$$eval("#windows .cred", (rows) => rows.map((row) => ({ name: row.textContent, inside: row.querySelector(".ends").getBoundingClientRect().right <= row.getBoundingClientRect().right + 1, end: row.querySelector(".ends").textContent })));
    assert.deepEqual(ends.map(({ name }) => name).sort(), LONG);
    for (const { name, inside, end } of ends) assert.ok(inside && /#91[23]$/.test(end), name);
    const first = await page.$eval("#windows .meta", (meta) => meta.textContent);
    assert.match(first, /^high · waits for a person · AI advises: revoke · owner/);
    assert.ok(await page.$eval(".rate", (card) => card.scrollHeight <= card.clientHeight + 1), "the rate's card shows all of it");
    await clean(opened);
    await page.close();
  }
});

test("on a narrow screen every count of alerts is seen, and a name has a line of its own", async (t) => {
  const all = full();
  Object.values(all.lists.windows.set)[0].credential = "aws-access-key:payments-api:628326259bf2f656";
  const opened = await open(await browser(t), await made(t, (response) => send(response, "whole", all)), { width: 1024, height: 768 }), { page } = opened;
  await until("the rows", async () => (await page.$$("#windows .cred")).length === 2);
  assert.ok(await page.$eval("#firing", (chips) => chips.childElementCount === 9 && chips.scrollHeight - chips.clientHeight <= 1), "all counts");
  const cut = await page.$$eval("#windows .begins", (names) => names.filter((name) => name.scrollWidth > name.clientWidth).map((name) => name.parentElement.textContent));
  assert.deepEqual(cut, [LONG[1]]);
  await fits(page, "narrow");
  await clean(opened);
});

/** Whether all of `part` of the first row's text is within the row, the height of the row, and where the second one is. */
const seen = (page, part) => page.evaluate((text) => {
  const [row, next] = document.querySelectorAll("#windows li:not(.group)"), meta = row.querySelector(".meta"), node = meta.querySelector("bdi").firstChild, at = node.data.indexOf(text), range = document.createRange();
  range.setStart(node, at);
  range.setEnd(node, at + text.length);
  const limit = meta.getBoundingClientRect();
  return { whole: [...range.getClientRects()].every(({ right, bottom }) => right <= limit.right + 1 && bottom <= limit.bottom + 1), height: row.offsetHeight, next: next.getBoundingClientRect().top - document.getElementById("windows").getBoundingClientRect().top };
}, part);

test("every choice of a menu has room in it", async (t) => {
  const url = await made(t, (response) => send(response, "whole", full()), (path) => (path.startsWith("/api/v1/board/windows") ? [200, { matching: 0, rows: [], choices: { severity: { critical: 1_234 }, workflow: { secret_exposure: 1_234, entitlement_review: 1_234 } } }] : null));
  const chromium = await browser(t);
  for (const options of [{}, { width: 1024, height: 768 }, { width: 1920, height: 1080 }]) {
    const opened = await open(chromium, url, options), { page } = opened;
    await until("the choices", async () => (await page.$$("#by-workflow option")).length === 3);
    // As wide as its longest choice needs: a copy tells.
    const needs = await page.$$eval("#filter select", (menus) => menus.map((menu) => {
      const copy = menu.cloneNode(true);
      copy.removeAttribute("id");
      Object.assign(copy.style, { width: "max-content", position: "absolute" });
      menu.after(copy);
      const [needs, has] = [copy, menu].map((one) => one.getBoundingClientRect().width);
      copy.remove();
      return { menu: menu.id, needs, has };
    }));
    assert.equal(needs.length, 7);
    assert.deepEqual(needs.filter(({ needs, has }) => needs > has + 0.5), [], `${options.width ?? 1440}`);
    await fits(page, "the fields");
    await page.screenshot({ path: `${SHOTS}/menus-${options.width ?? 1440}.png` });
    await clean(opened);
    await page.close();
  }
});

test("an owner's name has room, and the row at hand shows all of a longer one without moving another", async (t) => {
  const chromium = await browser(t), longest = `${"a-team-of-many-words-".repeat(4)}@example.org`;
  for (const [name, options] of [["wide", {}], ["narrow", { width: 1024, height: 768 }], ["phone", PHONE]]) {
    for (const owner of ["team-warehouse-robots@engineering.example.org", longest]) {
      const all = full();
      for (const row of Object.values(all.lists.windows.set)) Object.assign(row, { owner, incident: "incident ".repeat(20) });
      const opened = await open(chromium, await made(t, (response) => send(response, "whole", all)), options), { page } = opened;
      await until("the rows", async () => (await page.$$("#windows .cred")).length === 2);
      const before = await seen(page, `owner ${owner}`), end = "incident incident ";
      if (owner !== longest) assert.ok(before.whole, `${name}: the owner is seen`);
      assert.ok(!(await seen(page, `${end}`.repeat(9))).whole, `${name}: not all of the text has room`);
      await page.focus("#windows li:not(.group) a");
      const after = await seen(page, `owner ${owner}`);
      assert.ok(after.whole && (await seen(page, `${end}`.repeat(9))).whole, `${name}: the row at hand shows all`);
      assert.ok(after.height > before.height, `${name}: it has grown`);
      assert.equal(after.next, before.next, `${name}: the row below has not moved`);
      await page.screenshot({ path: `${SHOTS}/owner-${name}.png` });
      await fits(page, name);
      await clean(opened);
      await page.close();
    }
  }
});

test("on a phone every cell of a table is within the page, with its title", async (t) => {
  const at = new Date(Date.now() - 3_600_000).toISOString();
  const answer = exposure({ alerts: [{ alert: "AttackerLikelyPresent", urgency: "critical", phase: "resolved", from: at, until: at, runbook: "/runbook/AttackerLikelyPresent" }] });
  const url = await made(t, () => {}, (path) => (path.startsWith("/api/v1/exposures/") ? [200, answer] : null));
  const opened = await open(await browser(t), url, { ...PHONE, path: `/exposure/${encodeURIComponent(answer.exposure_id)}?tz=local`, shows: ".about h1" });
  const cells = await opened.page.$$eval("main td", (all) => all.map((cell) => [cell.dataset.title, cell.textContent, cell.getBoundingClientRect().right <= innerWidth && cell.scrollWidth <= cell.clientWidth]));
  assert.deepEqual(cells.map(([title]) => title), ["Alert", "Urgency", "Began", "State", "Runbook"]);
  for (const [title, text, inside] of cells) assert.ok(text.length > 0 && inside, title);
  await fits(opened.page, "the exposure");
  await clean(opened);
});

test("on paper every row that the page has is printed", async (t) => {
  const names = Array.from({ length: 60 }, (_, at) => `github:example-org/payments-${at}`);
  const opened = await open(await browser(t), await made(t, (response) => send(response, "whole", frame(1, Date.now(), names)))), { page } = opened;
  await until("the rows", async () => (await page.$$("#windows .cred")).length >= 60);
  await page.emulateMediaType("print");
  const places = await page.$$eval("#windows li", (items) => items.map((item) => { const { top, bottom } = item.getBoundingClientRect(); return [top, bottom]; }));
  places.slice(1).forEach(([top], at) => assert.ok(top >= places[at][1] - 1, `row ${at + 1} begins at ${top}, the one before ends at ${places[at][1]}`));
  const card = await page.$eval(".race", (card) => card.getBoundingClientRect().bottom);
  assert.ok(places.at(-1)[1] <= card, "nothing is cut");
  assert.equal(await page.$$eval(".tools, .filter", (tools) => tools.filter((tool) => tool.getClientRects().length > 0).length), 0, "there is nothing to press");
  await clean(opened);
});
