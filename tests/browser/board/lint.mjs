// What is held against every dashboard: the rules of Grafana's dashboard-linter, by its names,
// and some of our own. The linter itself is not used: it is not to be had from every Go proxy.

const HIDDEN = new Set(["row", "text", "news"]);

/** Every panel that shows something. */
export const panels = (dashboard) => dashboard.panels.filter(({ type }) => !HIDDEN.has(type));

/** Every query, with its panel. */
export const targets = (dashboard) => panels(dashboard).flatMap((panel) => panel.targets.map((target) => ({ panel, target })));

/** Figures that have no workflow; a panel of one says so in its title. */
const OF_ALL_WORKFLOWS = ["shutterlag:effective_review_objective:ratio", "shutterlag:reviewers_flagged:max"];

/** The selectors of a query, each with its labels. */
const selectors = (expr) => [...expr.matchAll(/(shutterlag[\w:]*)(\{[^}]*\})?/g)].map(([, name, labels]) => ({ name, labels: labels ?? "" }));

/** The faults of a dashboard, each `rule: what`. */
export function lint(dashboard) {
  const faults = [], variables = dashboard.templating.list;
  const fault = (rule, what) => faults.push({ rule, what });
  const variable = (name) => variables.find((one) => one.name === name);
  const source = variable("datasource");
  if (source?.type !== "datasource" || source.query !== "prometheus" || source.label !== "Data source") fault("template-datasource-rule", "the variable datasource, labelled Data source");
  for (const name of ["job", "instance"]) if (!variable(name)) fault(`template-${name}-rule`, `no variable ${name}`);
  for (const one of variables.filter(({ type }) => type === "query")) {
    if (one.refresh !== 2) fault("template-on-time-change-reload-rule", one.name);
    if (!/^label_values\([\w:]+, \w+\)$/.test(one.definition)) fault("template-label-promql-rule", one.name);
  }
  if (dashboard.editable) fault("uneditable-dashboard", "editable");
  // What an import needs: the data source is asked for, and every kind of panel is named.
  const required = new Set(dashboard.__requires?.map(({ type, id }) => `${type} ${id}`));
  for (const needs of ["grafana grafana", "datasource prometheus", ...panels(dashboard).map(({ type }) => `panel ${type}`)]) if (!required.has(needs)) fault("own-importable", needs);
  const inputs = (dashboard.__inputs ?? []).filter(({ type, pluginId }) => type === "datasource" && pluginId === "prometheus");
  if (inputs.length !== 1 || source?.current.value !== `\${${inputs[0].name}}` || dashboard.id !== null) fault("own-importable", "the data source");
  const everything = JSON.stringify([dashboard.panels, dashboard.annotations, dashboard.links, variables.map(({ datasource }) => datasource)]);
  for (const { name } of variables) if (!everything.includes(`$\{${name}}`) && !everything.includes(`$${name}`)) fault("own-variables", `${name} is used nowhere`);
  const marked = dashboard.annotations.list.map(({ expr }) => expr).join();
  for (const wanted of ["ALERTS{", "config_changes"]) if (!marked.includes(wanted)) fault("own-annotations", wanted);
  const titles = new Set(), places = [];
  for (const panel of dashboard.panels) {
    const { x, y, w, h } = panel.gridPos;
    if (x + w > 24 || places.some((other) => x < other.x + other.w && other.x < x + w && y < other.y + other.h && other.y < y + h)) fault("own-places", panel.title);
    places.push(panel.gridPos);
  }
  for (const panel of panels(dashboard)) {
    const { defaults } = panel.fieldConfig;
    if (!panel.title || !panel.description) fault("panel-title-description-rule", panel.title);
    if ((panel.description ?? "").length < 60) fault("own-description-tells-how-to-read", panel.title);
    if (titles.has(panel.title)) fault("own-titles-differ", panel.title);
    titles.add(panel.title);
    if (!defaults.unit) fault("panel-units-rule", panel.title);
    if (panel.datasource?.uid !== "${datasource}") fault("panel-datasource-rule", panel.title);
    if (!defaults.links?.length || defaults.links.some(({ url }) => !url.startsWith("${board}"))) fault("own-data-links", panel.title);
    if (panel.type === "timeseries" && /^Effective review rate/.test(panel.title) && !panel.targets.some(({ legendFormat }) => legendFormat === "objective")) fault("own-objective", panel.title);
    if (!panel.targets?.length) fault("panel-no-targets-rule", panel.title);
    if (defaults.unit === "s" && panel.type === "timeseries") {
      const bounds = defaults.thresholds.steps.map(({ value }) => value);
      if (!bounds.includes(540) || !bounds.includes(1020)) fault("own-attackers-thresholds", panel.title);
    }
    for (const { expr, datasource } of panel.targets ?? []) {
      if (datasource?.uid !== "${datasource}") fault("panel-datasource-rule", panel.title);
      const metrics = expr.match(/shutterlag[\w:]*/g) ?? [];
      if (metrics.length === 0 || metrics.some((name) => !name.startsWith("shutterlag:"))) fault("own-recording-rules-only", `${panel.title}: ${expr}`);
      if (variable("workflow")) for (const { name, labels } of selectors(expr)) {
        if (!labels.includes('workflow=~"$workflow"') && !OF_ALL_WORKFLOWS.includes(name)) fault("own-variables", `${panel.title}: ${name} of every workflow`);
      }
      if (/rate\(|increase\(/.test(expr) && !expr.includes("$__rate_interval")) fault("target-rate-interval-rule", panel.title);
      if (!expr.includes("job")) fault("target-job-rule", panel.title);
      if (!expr.includes("instance")) fault("target-instance-rule", panel.title);
    }
  }
  if (!dashboard.links.some(({ type, tags }) => type === "dashboards" && tags.includes("shutterlag"))) fault("own-links", "to the other dashboards");
  if (!dashboard.links.some(({ url }) => url === "${board}")) fault("own-links", "to the live board");
  return faults;
}
