// The dashboards: linted, and every query of every panel asked of a real Prometheus that scraped a
// real demo.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { demo, freePort, until, wait } from "./demo.mjs";
import { lint, panels, targets } from "./lint.mjs";

const DIRECTORY = `${process.env.SHUTTERLAG_ROOT}/dashboards`;
const read = (name) => JSON.parse(readFileSync(`${DIRECTORY}/${name}`, "utf8"));
const exceptions = read("lint-exceptions.json");
const dashboards = readdirSync(DIRECTORY).filter((name) => name.endsWith(".json") && name !== "lint-exceptions.json").map((name) => ({ name, ...read(name) }));
/** What a dashboard asks for, annotations included. */
const queries = (dashboard) => [...targets(dashboard).map(({ target }) => target.expr), ...dashboard.annotations.list.map(({ expr }) => expr)];
const RULES = readFileSync(`${DIRECTORY}/rules/panels.yml`, "utf8");

test("every dashboard passes the linter's rules, but for exceptions with a reason", () => {
  assert.deepEqual(dashboards.map(({ uid }) => uid).sort(), ["shutterlag-governance", "shutterlag-leadership", "shutterlag-oncall", "shutterlag-pipeline"]);
  const used = new Set();
  for (const dashboard of dashboards) {
    const faults = lint(dashboard).filter(({ rule }) => { if (exceptions[rule]) used.add(rule); return !exceptions[rule]; });
    assert.deepEqual(faults, [], dashboard.name);
    assert.ok(panels(dashboard).length >= 8, dashboard.name);
  }
  const idle = Object.keys(exceptions).filter((rule) => !used.has(rule) && !rule.includes("rate-interval"));
  assert.deepEqual(idle, [], "exceptions that nothing needs");
});

test("the linter finds what is wrong", () => {
  const named = (wanted) => dashboards.find(({ uid }) => uid === `shutterlag-${wanted}`);
  const break_ = (change) => { const copy = structuredClone(named("leadership")); change(copy); return lint(copy).map(({ rule }) => rule); };
  const first = (copy) => panels(copy)[0];
  assert.ok(break_((copy) => { delete first(copy).description; }).includes("panel-title-description-rule"));
  assert.ok(break_((copy) => { delete first(copy).fieldConfig.defaults.unit; }).includes("panel-units-rule"));
  assert.ok(break_((copy) => { first(copy).targets[0].expr = "sum(shutterlag_reviews_total)"; }).includes("own-recording-rules-only"));
  assert.ok(break_((copy) => { first(copy).datasource = { type: "prometheus", uid: "mine" }; }).includes("panel-datasource-rule"));
  assert.ok(break_((copy) => { first(copy).targets[0].expr = "sum(shutterlag:due_reviews:increase1d)"; }).includes("own-variables"));
  assert.ok(break_((copy) => { delete first(copy).fieldConfig.defaults.links; }).includes("own-data-links"));
  assert.ok(break_((copy) => { copy.annotations.list = []; }).includes("own-annotations"));
  assert.ok(break_((copy) => { copy.__requires.pop(); }).includes("own-importable"));
  assert.ok(break_((copy) => { copy.__inputs = []; }).includes("own-importable"));
  assert.ok(break_((copy) => { copy.panels.find(({ title }) => title === "Effective review rate of 7 days, by workflow").targets.pop(); }).includes("own-objective"));
  assert.ok(break_((copy) => { first(copy).gridPos.w = 24; }).includes("own-places"));
});

/** What Grafana's own schema says about a file; empty if nothing. */
const read_by_schema = (path) => spawnSync(process.env.SHUTTERLAG_SCHEMA, [path], { encoding: "utf8" }).stdout;

test("every dashboard is read by Grafana's own schema, which finds what is wrong", () => {
  for (const { name } of dashboards) assert.equal(read_by_schema(`${DIRECTORY}/${name}`), "", name);
  const broken = `${process.env.SHUTTERLAG_WORK}/broken.json`;
  for (const [change, fault] of [
    [(copy) => { copy.panels[0].titel = "x"; }, /unexpected field 'titel'/],
    [(copy) => { copy.panels[0].options.colour = "x"; }, /unexpected field 'colour'/],
    [(copy) => { delete copy.panels[0].options.graphMode; }, /graphMode: required field is missing/],
    [(copy) => { copy.panels[0].targets[0].legend = "x"; }, /unexpected field 'legend'/],
    [(copy) => { copy.panels[0].gridPos.w = "wide"; }, /cannot unmarshal string/],
  ]) {
    const copy = read("leadership.json");
    change(copy);
    writeFileSync(broken, JSON.stringify(copy));
    assert.match(read_by_schema(broken), fault);
  }
});

test("panels ask for what the rules record, and all that they record is asked for or used", () => {
  const recorded = [...RULES.matchAll(/record: (\S+)/g)].map(([, name]) => name);
  assert.equal(new Set(recorded).size, recorded.length, "each once");
  const asked = dashboards.flatMap((dashboard) => queries(dashboard).flatMap((expr) => expr.match(/shutterlag:[\w:]+/g) ?? []));
  for (const name of asked) assert.ok(recorded.includes(name), name);
  for (const name of recorded) {
    const uses = RULES.split(name).length - 1;
    assert.ok(asked.includes(name) || uses > 1, `${name} is used nowhere`);
  }
  const checked = spawnSync("promtool", ["check", "rules", `${DIRECTORY}/rules/panels.yml`], { encoding: "utf8" });
  assert.equal(checked.status, 0, checked.stdout + checked.stderr);
});

/** A Prometheus that scrapes `address` every second under these rules. */
async function prometheus(t, address) {
  const directory = mkdtempSync(`${process.env.SHUTTERLAG_WORK}/prometheus-`);
  // As it is, but for a demo's haste.
  for (const [name, text] of [["panels.yml", RULES], ["alerts.yml", readFileSync(`${DIRECTORY}/rules/shutterlag.rules.yml`, "utf8")]]) writeFileSync(`${directory}/${name}`, text.replaceAll(/interval: (15s|30s|1m)/g, "interval: 1s"));
  writeFileSync(`${directory}/prometheus.yml`, [
    "global: {scrape_interval: 1s, evaluation_interval: 1s}", "rule_files: [panels.yml, alerts.yml]",
    `scrape_configs: [{job_name: shutterlag, static_configs: [{targets: ["${address}"]}]}]`, ""].join("\n"));
  const port = await freePort();
  const child = spawn("prometheus", [`--config.file=${directory}/prometheus.yml`, `--storage.tsdb.path=${directory}/data`, `--web.listen-address=127.0.0.1:${port}`, "--log.level=error"], { stdio: ["ignore", "inherit", "inherit"] });
  t.after(() => child.kill("SIGTERM"));
  const ask = async (path, parameters) => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const { status, data, error } = await answer.json();
    assert.equal(status, "success", `${error}: ${parameters.query}`);
    return data.result ?? data;
  };
  await until("Prometheus answers", () => fetch(`http://127.0.0.1:${port}/-/ready`).then(({ ok }) => ok, () => false));
  return { instant: (query) => ask("query", { query }), range: (query) => { const end = Date.now() / 1000; return ask("query_range", { query, start: end - 30, end, step: 5 }); }, ask };
}

test("every query of every panel gives data on a demo, and agrees with the summary", { timeout: 1_200_000 }, async (t) => {
  const { url, address } = await demo(t);
  const asked = await prometheus(t, address);
  const expression = (expr, workflow = ".*") => expr.replaceAll("$workflow", workflow);
  // A demo has no month before.
  const past = ({ expr }) => expr.includes("offset 30d");
  const all = dashboards.flatMap((dashboard) => targets(dashboard).map(({ panel, target }) => ({ where: `${dashboard.name}: ${panel.title}`, target })));
  // The story takes three quarters of a minute; then everything has happened once.
  const missing = async () => {
    const empty = [];
    for (const { where, target } of all) {
      const result = target.instant ? await asked.instant(expression(target.expr)) : await asked.range(expression(target.expr));
      const values = result.flatMap((series) => (target.instant ? [series.value] : series.values)).map(([, value]) => Number(value));
      if (past(target)) continue;
      if (values.length === 0 || values.every(Number.isNaN)) empty.push(`${where}: ${target.expr}`);
    }
    return empty;
  };
  let last = [];
  await until("data in every panel", async () => { last = await missing(); if (last.length) await wait(1_500); return last.length === 0; })
    .catch((error) => { throw new Error(`${error.message}\n${last.join("\n")}`); });
  t.diagnostic(`${all.length} queries of ${dashboards.flatMap(panels).length} panels gave data`);

  const rules = await asked.ask("rules", {});
  for (const { rules: group, interval } of rules.groups) for (const rule of group) assert.ok(rule.health === "ok" || interval > 60 && rule.health === "unknown", `${rule.name}: ${rule.lastError}`);

  // What both know at one moment must be the same, but for what happens between two questions.
  const number = async (query) => Number((await asked.instant(query))[0].value[1]);
  await until("agreement with the summary", async () => {
    const { figures, older } = await (await fetch(`${url}/api/v1/summary`)).json();
    const undecided = figures.windows.open + figures.windows.contained + older.open + older.contained;
    const told = await number("sum(shutterlag:undecided_windows:sum)");
    const shown = await number('shutterlag:view_windows:sum{state="open"}');
    t.diagnostic(`undecided: ${told} by Prometheus, ${undecided} by the summary`);
    return Math.abs(told - undecided) <= 1 && Math.abs(shown - figures.windows.open - older.open) <= 1;
  });
  await until("agreement on what waits longest", async () => {
    const open = await (await fetch(`${url}/api/v1/windows?limit=1000`)).json();
    const waiting = open.windows.filter(({ record }) => ["open", "contained"].includes(record.state)).map(({ waiting_ms }) => waiting_ms / 1000);
    const oldest = await number("max(shutterlag:oldest_undecided_seconds:max)");
    t.diagnostic(`waits longest: ${oldest} s by Prometheus, ${Math.max(...waiting)} s by the list`);
    // Three seconds of the demo's sixty-fold time, and the whole second in which it began.
    return Math.abs(oldest - Math.max(...waiting)) <= 3 * 60 + 1;
  });

  // Each variable, at every value: a panel is of what was chosen, and of nothing else.
  const workflows = await asked.ask("label/workflow/values", { "match[]": "shutterlag:undecided_windows:sum" });
  assert.ok(workflows.length >= 4, workflows);
  const chosen = dashboards.flatMap((dashboard) => targets(dashboard)).filter(({ target }) => target.expr.includes("$workflow"));
  assert.ok(chosen.length > 40, `${chosen.length}`);
  for (const { panel, target } of chosen) {
    const nothing = await asked.instant(expression(target.expr, "none_of_this_name"));
    assert.ok(nothing.every(({ value }) => [0, NaN].some((zero) => Object.is(zero, Number(value[1])))), `${panel.title}: ${JSON.stringify(nothing)}`);
    for (const workflow of [...workflows, workflows.slice(0, 2).join("|")]) {
      const found = await asked.instant(expression(target.expr, workflow));
      for (const { metric } of found) if (metric.workflow) assert.ok(workflow.split("|").includes(metric.workflow), `${panel.title}: ${metric.workflow}`);
    }
  }
  // The parts add up to the whole: taken at one moment, which two questions are not.
  const parts = workflows.map((workflow) => `sum(shutterlag:undecided_windows:sum{workflow=~"${workflow}"})`).join(" + ");
  assert.equal(await number(`${parts} - sum(shutterlag:undecided_windows:sum)`), 0);
  for (const { expr } of dashboards.flatMap(({ annotations }) => annotations.list)) await asked.range(expression(expr));
  assert.ok((await asked.range('max_over_time(ALERTS{alertname="Watchdog"}[1m])')).length > 0, "the rules that annotations are of are loaded");

  // The headline of the leaders, with the workflows that are chosen at first, is the rules' own figure.
  const leadership = dashboards.find(({ uid }) => uid === "shutterlag-leadership");
  const raced = leadership.templating.list.find(({ name }) => name === "workflow").current.value.join("|");
  const [first, second] = panels(leadership)[0].targets.map(({ expr }) => expression(expr, raced));
  const [low, high] = [await number(first), await number(second)];
  await until("agreement with the rules", async () => (await number(`abs((${first}) - shutterlag:effective_review_low:ratio1d) + abs((${second}) - shutterlag:effective_review_high:ratio1d)`)) < 1e-6);
  const outcomes = targets(leadership).find(({ panel }) => panel.title.startsWith("What came of")).target.expr;
  assert.ok(low >= 0 && low <= high && high <= 1, `a share: ${low} to ${high}`);
  // While rules are being evaluated, one series is a second newer than the other.
  await until("outcomes that are all", async () => {
    const shares = (await asked.instant(expression(outcomes))).map(({ value }) => Number(value[1]));
    return Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 1e-6;
  });
});
