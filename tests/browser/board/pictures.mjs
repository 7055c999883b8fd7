// Takes the pictures of the board for the documents: tests/browser/run pictures
import puppeteer from "puppeteer-core";
import { demo, until, wait } from "./demo.mjs";

const ends = [];
const { url } = await demo({ after: (end) => ends.push(end) });
const browser = await puppeteer.launch({ executablePath: process.env.SHUTTERLAG_CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
ends.push(() => browser.close());
const open = async (scheme) => {
  const page = await browser.newPage();
  // Without motion no row is caught on its way.
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }, { name: "prefers-reduced-motion", value: "reduce" }]);
  await page.setViewport({ width: 1440, height: 1500 });
  await page.goto(url);
  await page.waitForSelector("#windows li", { visible: true });
  return page;
};
// The story is told: the planted case was let through.
const first = await open("light");
await until("the story", () => first.evaluate(() => document.getElementById("notes").textContent.includes("#planted")));
await first.close();
for (const scheme of ["light", "dark"]) {
  const page = await open(scheme);
  await wait(1_500);
  await page.screenshot({ path: `${process.env.SHUTTERLAG_ROOT}/docs/board-${scheme}.png` });
  await page.close();
}
for (const end of ends.reverse()) await end();
