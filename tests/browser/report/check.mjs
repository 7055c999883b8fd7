// Opens reports in Chromium: is the page usable for everybody, does it stand alone, and does it
// print without cutting anything?
//
//   node check.mjs CHROMIUM PAGE.html...      started by run, which makes the pages
//
// Fails with a list of what is wrong.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const [chromium, ...pages] = process.argv.slice(2);
// What A4 leaves between the margins of the page's own style sheet, at 96 pixels an inch.
const PRINTED_WIDTH = Math.floor(((210 - 2 * 13) / 25.4) * 96);
const faults = [];

async function openPage(browser, file, width) {
  const page = await browser.newPage();
  page.on("console", (message) => faults.push(`${file}: console: ${message.text()}`));
  page.on("pageerror", (error) => faults.push(`${file}: ${error}`));
  page.on("request", (request) => {
    if (request.url() !== pathToFileURL(file).href) faults.push(`${file}: asks for ${request.url()}`);
  });
  await page.setViewport({ width, height: 900 });
  await page.goto(pathToFileURL(file).href);
  return page;
}

// Serious and critical findings are faults; what is less is told.
async function accessible(browser, file, width) {
  const page = await openPage(browser, file, width);
  // The page forbids scripts, and the debugger is not bound by that.
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => axe.run());
  for (const { id, impact, help, nodes } of violations) {
    const told = `${file} at ${width}: ${impact}: ${id}: ${help} (${nodes.length}, such as ${nodes[0].html})`;
    if (["serious", "critical"].includes(impact)) faults.push(told);
    else console.log(told);
  }
  if (passes.length < 20) faults.push(`${file}: only ${passes.length} rules applied: was the page there?`);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (overflow > 0) faults.push(`${file} at ${width}: ${overflow} pixels wider than the screen`);
  await page.close();
  return { violations: violations.length, passes: passes.length };
}

// Nothing may reach beyond the paper, and every cell must be on it.
async function printed(browser, file) {
  const page = await openPage(browser, file, PRINTED_WIDTH);
  await page.emulateMediaType("print");
  const { cut, cells } = await page.evaluate((width) => {
    const beyond = [...document.querySelectorAll("table, th, td, svg, p, dd, dt, li")].filter(
      (element) => element.getBoundingClientRect().right > width + 1 || element.scrollWidth > element.clientWidth + 1,
    );
    const solid = (element) => element.textContent.replace(/\s+/g, "");
    return {
      cut: beyond.filter((element) => getComputedStyle(element).display !== "none").map((e) => e.outerHTML.slice(0, 120)),
      cells: [...document.querySelectorAll("th, td, dd, figcaption")].map(solid).filter((text) => text !== ""),
    };
  }, PRINTED_WIDTH);
  cut.slice(0, 5).forEach((element) => faults.push(`${file}: cut on paper: ${element}`));
  const pdf = file.replace(/\.html$/, ".pdf");
  writeFileSync(pdf, await page.pdf({ preferCSSPageSize: true, printBackground: true }));
  await page.close();
  const text = execFileSync("pdftotext", ["-raw", pdf, "-"], { maxBuffer: 1 << 28 }).toString().replace(/\s+/g, "");
  const missing = cells.filter((cell) => !text.includes(cell));
  missing.slice(0, 5).forEach((cell) => faults.push(`${file}: not in the PDF as a whole: ${cell}`));
  const info = execFileSync("pdfinfo", [pdf]).toString();
  const size = /Page size:.*/.exec(info)[0];
  if (!/59[45](\.\d+)? x 84[12]/.test(size)) faults.push(`${file}: not A4: ${size}`);
  return { cells: cells.length, pages: Number(/Pages:\s+(\d+)/.exec(info)[1]) };
}

const browser = await puppeteer.launch({
  executablePath: chromium,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
try {
  for (const file of pages) {
    const found = [await accessible(browser, file, 1280), await accessible(browser, file, 390)];
    const paper = await printed(browser, file);
    console.log(
      `${file}: ${found[0].passes} rules passed, ${found[0].violations} findings; ` +
        `${paper.pages} pages, ${paper.cells} cells on paper`,
    );
  }
} finally {
  await browser.close();
}
faults.forEach((fault) => console.error(fault));
process.exitCode = faults.length > 0 ? 1 : 0;
