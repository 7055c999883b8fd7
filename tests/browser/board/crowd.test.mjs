// Ten thousand open windows: how soon the board paints, how long an update takes, what moves. The
// aims, 1 s and 100 ms, are held against what is measured in docs/benchmarks.md: what is asserted here
// leaves room for a machine that many share, and none for work that grows with the windows.
import assert from "node:assert/strict";
import { test } from "node:test";
import { until, wait } from "./demo.mjs";
import { frame, made, send } from "./made.mjs";
import { browser, clean, open, shift } from "./page.mjs";
import { event, leak, run } from "./run.mjs";

const PAINT_MS = 5_000, UPDATE_MS = 250;

const text = (page, selector) => page.$eval(selector, (node) => node.textContent);

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
  assert.ok(paint <= PAINT_MS, `first paint after ${paint} ms`);
  assert.ok(updates.length >= 5 && updates[updates.length >> 1] <= UPDATE_MS, `updates: ${updates}`);
  assert.match(more, /9,922 more windows are not shown/);
  await clean(opened);
});

test("ten thousand open windows of a run: first paint, updates, and what moves", async (t) => {
  const { url, deliver } = await run(t, { token: null });
  const severities = ["low", "medium", "high", "critical"];
  for (let batch = 0; batch < 10; batch += 1) {
    await deliver(Array.from({ length: 1_000 }, (_, at) => leak(`github:example-org/app-${at % 37}#${batch * 1_000 + at}`, 30 + at, { severity: severities[at % 4], owner: `team-${at % 20}` })), (batch + 1) * 1_000);
  }
  const opened = await open(await browser(t), url), { page } = opened;
  const moving = (async () => { for (let at = 0; at < 20; at += 1) { await wait(2_500); await deliver([event("decision.made", `github:example-org/app-${at}#${at}`, 1, { reviewer: "dana", action: "dismiss" }), leak(`new-${at}`, 1, { severity: "critical" })], 10_001 + at); } })();
  await wait(60_000);
  await moving;
  const { paint, updates } = await page.evaluate(() => ({ paint: performance.getEntriesByName("first-contentful-paint")[0].startTime, updates: performance.getEntriesByName("update").map((entry) => entry.duration) }));
  updates.sort((a, b) => a - b);
  const { worst, moved } = await shift(page);
  t.diagnostic(`first paint ${paint.toFixed(0)} ms; ${updates.length} updates, median ${updates[updates.length >> 1].toFixed(1)} ms, longest ${updates.at(-1).toFixed(1)} ms; layout shift ${worst.toFixed(4)} ${moved}`);
  assert.ok(paint <= PAINT_MS, `first paint after ${paint} ms`);
  assert.ok(updates.length >= 20 && updates[updates.length >> 1] <= UPDATE_MS, `updates: ${updates}`);
  assert.ok(worst <= 0.02, `${worst} by ${moved}`);
  await page.type("#by-q", "app-7#");
  const began = Date.now();
  await until("the rows that match", async () => /windows match/.test(await text(page, "#windows-more")));
  t.diagnostic(`a search among ten thousand windows: ${Date.now() - began} ms`);
  await clean(opened);
});
