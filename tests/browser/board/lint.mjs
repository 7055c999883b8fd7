// What is held against every dashboard: the rules of Grafana's dashboard-linter, by its names,
// and some of our own. The linter itself is not used: it is not to be had from every Go proxy.

const HIDDEN = new Set(["row", "text", "news"]);

/** Every panel that shows something. */
export const panels = (dashboard) => dashboard.panels.filter(({ type }) => !HIDDEN.has(type));

/** Every query, with its panel. */
export const targets = (dashboard) => panels(dashboard).flatMap((panel) => panel.targets.map((target) => ({ panel, target })));

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
    if (!panel.targets?.length) fault("panel-no-targets-rule", panel.title);
    if (defaults.unit === "s" && panel.type === "timeseries") {
      const bounds = defaults.thresholds.steps.map(({ value }) => value);
      if (!bounds.includes(540) || !bounds.includes(1020)) fault("own-attackers-thresholds", panel.title);
    }
    for (const { expr, datasource } of panel.targets ?? []) {
      if (datasource?.uid !== "${datasource}") fault("panel-datasource-rule", panel.title);
      const metrics = expr.match(/shutterlag[\w:]*/g) ?? [];
      if (metrics.length === 0 || metrics.some((name) => !name.startsWith("shutterlag:"))) fault("own-recording-rules-only", `${panel.title}: ${expr}`);
      if (/rate\(|increase\(/.test(expr) && !expr.includes("$__rate_interval")) fault("target-rate-interval-rule", panel.title);
      if (!expr.includes("job")) fault("target-job-rule", panel.title);
      if (!expr.includes("instance")) fault("target-instance-rule", panel.title);
    }
  }
  if (!dashboard.links.some(({ type, tags }) => type === "dashboards" && tags.includes("shutterlag"))) fault("own-links", "to the other dashboards");
  if (!dashboard.links.some(({ url }) => url === "${board}")) fault("own-links", "to the live board");
  return faults;
}
