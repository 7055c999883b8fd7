// The page of the alert about one reviewer, with the evidence that it is based on.
import { facts, follow, nothing, section, table } from "./about.js";
import { SIGNALS, amount, el, evidenceMeans, exposureAt, fullTime, isolated, link, named, words } from "./text.js";

const asked = named();
const main = document.getElementById("main");
const credential = (id) => id.split("/").slice(1, -1).join("/") || id;

function signals(alert) {
  const lines = alert.signals.map((one) => [SIGNALS[one.signal] ?? one.signal, `${one.signs} of ${one.observed}`, one.allowed === null ? "as peers in like cases" : `${Math.round(100 * one.allowed)} %`, amount(one.statistic)]);
  return section("What was seen", el("p", "", "How often each sign was there since the counting began, and how often it is allowed. The evidence of the alert is the mean of theirs, each with a fixed weight."), table("Signs", ["Sign", "Seen", "Allowed", "Evidence"], lines));
}

function path(alert, names) {
  const lines = [...alert.path].reverse().map((step) => [fullTime(step.at), link(exposureAt(step.exposure_id), names[step.exposure_id] ?? credential(step.exposure_id)), step.signs.map((sign) => SIGNALS[sign] ?? sign).join(", ") || "no sign", amount(step.statistic)]);
  return section("The decisions that it is based on", table("Decisions", ["When", "Case", "Signs", "Evidence after it"], lines));
}

function day(figures) {
  if (!figures) return section("The last day", el("p", "", "No decisions."));
  const reasons = Object.entries(figures.by_reason).map(([reason, count]) => `${words(reason)} ${count}`).join(", ");
  return section("The last day", facts([
    ["Decisions", figures.reviews], ["Judged", figures.judged], ["Meaningful", figures.meaningful], ["Hollow", figures.hollow],
    ["Unassessed", figures.unassessed], ["Signs", reasons], ["As advised", figures.agreed], ["Otherwise", figures.disagreed],
  ]), figures.few ? el("p", "small", "Fewer than 20 decisions: a share of them says next to nothing.") : null);
}

follow(`/api/v1/reviewer-alerts/${encodeURIComponent(asked)}`, {
  show({ alert, known_as: names, runbook, figures }) {
    document.title = `${alert.reviewer} – shutterlag`;
    const head = el("header", "about"), title = el("h1"), line = el("p", "lead");
    title.append("Rubber-stamping suspected: ", isolated(alert.reviewer));
    line.append(alert.ended_at ? `The alert ended ${fullTime(alert.ended_at)}.` : `The alert has been firing since ${fullTime(alert.at)}.`, ` It counts from ${fullTime(alert.since)}. The evidence came to ${amount(alert.statistic)}. `, link(runbook, "What to do"));
    head.append(title, line, el("p", "small lead", evidenceMeans(alert.threshold)), el("p", "small", "The alert says that time, context or authority may be missing. It is not a verdict on a person."));
    const columns = el("div", "columns"), first = el("div");
    first.append(signals(alert), day(figures));
    columns.append(first, path(alert, names));
    main.replaceChildren(head, columns);
  },
  missing(message) { nothing("No such alert here", `${message}.`); },
});
