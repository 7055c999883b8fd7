// A page in Chromium that notes whatever is wrong, and what axe finds in it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import puppeteer from "puppeteer-core";
import { PATIENCE_MS } from "./demo.mjs";

const AXE = readFileSync(`${process.env.SHUTTERLAG_WORK}/node_modules/axe-core/axe.min.js`, "utf8");
export const SHOTS = `${process.env.SHUTTERLAG_WORK}/shots`;

export async function browser(t) {
  const started = await puppeteer.launch({ executablePath: process.env.SHUTTERLAG_CHROMIUM, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"], timeout: PATIENCE_MS });
  t.after(() => started.close());
  return started;
}

/** Light, dark and on a phone. */
export const LOOKS = [["light", {}], ["dark", { scheme: "dark" }], ["phone", { width: 390, height: 844, scale: 2 }]];

/** A page that notes whatever is wrong, with how the page is to look and how many times slower the machine is to be. A row can only be hit where nothing moves. */
export async function open(browser, url, { path = "/", scheme = "light", width = 1440, height = 1000, scale = 1, slower = 1, motion = "no-preference", shows = "#windows li" } = {}) {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const faults = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => { if (["error", "warn"].includes(message.type()) && !/status of 40[14]/.test(message.text())) faults.push(`console: ${message.text()}`); });
  page.on("requestfailed", (request) => { if (!request.url().includes("/api/v1/board")) faults.push(`failed: ${request.url()}`); });
  page.on("request", (request) => { if (!request.url().startsWith(url)) faults.push(`elsewhere: ${request.url()}`); });
  await page.evaluateOnNewDocument(() => {
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
    window.shifts = [];
    new PerformanceObserver((list) => window.shifts.push(...list.getEntries().filter((entry) => !entry.hadRecentInput).map((entry) => ({ value: entry.value, at: entry.startTime, what: entry.sources.map((source) => source.node?.id || source.node?.className || source.node?.nodeName) })))).observe({ type: "layout-shift", buffered: true });
  });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }, { name: "prefers-reduced-motion", value: motion }]);
  await page.setViewport({ width, height, deviceScaleFactor: scale });
  if (slower > 1) await page.emulateCPUThrottling(slower);
  await page.goto(`${url}${path}`);
  if (shows) await page.waitForSelector(shows, { visible: true });
  return { page, faults };
}

export async function clean({ page, faults }) {
  assert.deepEqual(await page.evaluate(() => window.violations), [], "violations of the policy");
  assert.deepEqual(faults, []);
}

/** What axe finds that is serious or critical. */
export async function axe(page) {
  // Evaluated from outside, so that the page's own policy stays as it is.
  await page.evaluate(AXE);
  const { violations, passes } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations", "passes"] }));
  assert.ok(passes.length > 15, "axe looked at the page");
  return violations.filter(({ impact }) => ["serious", "critical"].includes(impact)).map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).slice(0, 3)}`);
}

/** Nothing is wider than the window. */
export async function fits(page, name) {
  const [scrolls, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(scrolls <= width, `${name}: nothing is wider than the window (${scrolls} > ${width})`);
}

/** The layout shift of the page so far: the worst burst, as browsers count it, and what moved. */
export async function shift(page) {
  const shifts = await page.evaluate(() => window.shifts);
  let worst = 0, sum = 0, first = 0, last = 0;
  for (const { value, at } of shifts) {
    if (at - last > 1_000 || at - first > 5_000) { sum = 0; first = at; }
    last = at;
    sum += value;
    worst = Math.max(worst, sum);
  }
  return { worst, moved: [...new Set(shifts.flatMap(({ what }) => what))] };
}
