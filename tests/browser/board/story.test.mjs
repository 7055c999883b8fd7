// The live board of a demo, driven in Chromium: windows appear, count down, turn and leave; it is
// readable by everybody.
import assert from "node:assert/strict";
import { test } from "node:test";
import { demo, until, wait } from "./demo.mjs";
import { LOOKS, SHOTS, axe, browser, clean, fits, open, shift } from "./page.mjs";

test("windows appear, count down, turn and leave, and the story is told", { concurrency: true }, async (t) => {
  const { url } = await demo(t);
  // The first minute has the whole story, and moves nothing. It is watched beside the rest.
  const still = t.test("a minute moves nothing", { concurrency: true }, async (t) => {
    // A slow machine shows what comes late, piece by piece.
    await Promise.all([["light", { slower: 4 }], ["phone", { width: 390, height: 844, scale: 2 }]].map(async ([name, options]) => {
      const looked = await open(await browser(t), url, options);
      await wait(60_000);
      const { worst, moved } = await shift(looked.page);
      t.diagnostic(`layout shift on ${name} over a minute: ${worst.toFixed(4)} ${moved}`);
      assert.ok(worst <= 0.02, `${name}: ${worst} by ${moved}`);
      await clean(looked);
    }));
  });
  const chromium = await browser(t);
  const opened = await open(chromium, url);
  const { page } = opened;
  const rows = () => page.evaluate(() => [...document.querySelectorAll("#windows li:not(.group)")].map((row) => ({
    key: row.querySelector("a").href, count: row.querySelector(".count").textContent, gone: row.classList.contains("gone"),
    band: ["ahead", "contested", "behind", "owed"].find((band) => row.classList.contains(band)),
  })));
  // Each is on the page for a while only, and a busy machine may look later than that.
  await page.evaluate(() => {
    const notes = document.getElementById("notes"), note = () => { for (const item of notes.children) window.told.add(item.textContent); };
    window.told = new Set();
    note();
    new MutationObserver(note).observe(notes, { childList: true, subtree: true, characterData: true });
  });
  const notes = () => page.evaluate(() => [...window.told].join("\n"));
  const told = Promise.all([
    until("the planted case that was missed", async () => /seeded case missed .*#planted/.test(await notes())),
    until("a reviewer's page with its evidence", async () => /reviewer-\w+.*evidence/s.test(await page.$eval("#suspects", (box) => box.textContent))),
  ]);
  const seen = new Map();
  let turned = false, left = false, countedDown = false, appeared = 0;
  const first = new Set((await rows()).map(({ key }) => key));
  await until("a window that appears, counts down, turns and leaves", async () => {
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
  }).catch((error) => { throw new Error(`${error.message}: ${JSON.stringify({ turned, left, countedDown, appeared })}`); });
  // The order: attacks, then by severity. What stands in the document is what is seen.
  const order = ["Attack observed, neither contained nor dismissed", "Critical", "High", "Medium", "Low", "No severity stated"];
  const heads = await page.evaluate(() => [...document.querySelectorAll("#windows li.group")].map((item) => item.textContent));
  assert.deepEqual(heads, order.filter((name) => heads.includes(name)));
  // In one step: `$$eval` looks for the rows first and asks them later, when some have moved on.
  const places = await page.evaluate(() => [...document.querySelectorAll("#windows li")].map((item) => Number(item.dataset.top)));
  assert.deepEqual(places, [...places].sort((a, b) => a - b));
  await told;
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
    await until("it goes on", async () => (await clock()) !== paused);
    await page.focus("details summary");
    await page.keyboard.press("Enter");
    assert.ok((await page.$$("#decisions tr")).length > 5);
    assert.deepEqual(await axe(page), []);
  });
  await still;
});

test("without a connection it says so, and comes back", async (t) => {
  const { url, address, child } = await demo(t);
  const { page } = await open(await browser(t), url);
  const link = () => page.$eval("#link", (link) => link.textContent);
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await until("the loss is told", async () => /lost/.test(await link()));
  await ended;
  await demo(t, address);
  // The new demo has a day to catch up with.
  await until("it is connected again", async () => /^(Live$|Catching up)/.test(await link()));
});
