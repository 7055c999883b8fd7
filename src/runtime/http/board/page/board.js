// The board: applies frames, shows them, and runs the clock between them.
import { Chart, quality, quadrant } from "./chart.js";
import { Filter } from "./filter.js";
import { help } from "./help.js";
import { keys } from "./keys.js";
import { Race, narrow } from "./race.js";
import { signOutButton } from "./session.js";
import { follow } from "./source.js";
import { NAMES, SIGNALS, amount, catchingUp, clockTime, el, evidenceMeans, exposureAt, length, limit, link, listAt, names, parts as dateParts, plural, reviewerAt, set, span, timeOn, took, words, zoneSwitch } from "./text.js";
import { Unjoined } from "./unjoined.js";

const $ = (id) => document.getElementById(id);
const model = { n: 0, parts: {}, lists: { windows: new Map(), decisions: new Map(), notes: new Map() } };
const race = new Race($("windows"));
const unjoined = new Unjoined($);
let chart = null, paused = false, clock = { at: 0, as_of: 0, speed: 1 }, answer = null, troubled = null;

const now = () => clock.as_of + (performance.now() - clock.at) * clock.speed;
/** The time of day; with the date where that is not today's. */
const when = (time) => timeOn(time, now());

function take(name, data) {
  if (name === "whole") {
    model.parts = {};
    for (const list of Object.values(model.lists)) list.clear();
  } else if (data.n !== model.n + 1) {
    return; // A frame was missed: wait for the next whole one.
  }
  model.n = data.n;
  Object.assign(model.parts, data.parts);
  for (const [list, change] of Object.entries(data.lists)) {
    const rows = model.lists[list];
    for (const key of change.gone ?? []) rows?.delete(key);
    for (const [key, row] of Object.entries(change.set ?? {})) rows?.set(key, row);
  }
  if (!paused) show(name === "whole" ? { parts: model.parts, lists: model.lists } : data);
}

// Draws only what changed.
function show({ parts, lists }) {
  performance.mark("show");
  const first = $("main").classList.contains("waiting");
  if (parts.moment) moment(parts.moment);
  if (parts.waiting) waiting(parts.waiting);
  if (parts.rate) rate(parts.rate);
  if (parts.trend || parts.rate) trend(model.parts.rate, model.parts.trend);
  if (parts.receivers) receivers(parts.receivers);
  if (parts.firing) firing(parts.firing);
  if (parts.suspected) suspected(parts.suspected);
  if (parts.unjoined) unjoined.update(parts.unjoined, now());
  if (parts.health) { health(parts.health); linkState(linked); }
  if (first || (lists.windows || lists.decisions) && !answer) list();
  if (lists.decisions) decisions(model.lists.decisions);
  if (lists.notes) notes(model.lists.notes);
  $("main").classList.remove("waiting");
  if (first && location.hash === "#race") $("race").scrollIntoView();
  performance.measure("update", "show");
  performance.clearMarks("show");
}

function moment(data) {
  clock = { at: performance.now(), as_of: data.as_of_ms, speed: data.speed };
  $("demo").hidden = $("made-up").hidden = !data.demo;
  set($("speed"), String(data.speed));
  set($("version"), data.version);
}

const byId = (rows) => new Map([...rows.values()].map((row) => [row.id, row]));

// The rows that the stream sends, or those that somebody asked for.
function list() {
  $("windows").classList.toggle("old", !answer && filter.asked());
  if (!answer && filter.asked()) {
    // What is asked for has not come yet: rows that were there stay, and no others come.
    if (race.rows.size === 0) none(troubled ?? "Looking for the windows that match.", { clear: troubled !== null });
    return;
  }
  const rows = answer ? answer.data.rows : [...model.lists.windows.values()];
  race.update(rows, byId(model.lists.decisions), now(), answer ? answer.grouped : true);
  const all = answer ? answer.data.matching : model.parts.waiting?.listed ?? 0, more = all - rows.length;
  const waits = $("by-state").value === "waiting";
  if (all > 0) none(null);
  else if (answer) none(waits ? "No window that waits matches." : "No window matches.", { clear: true, everywhere: $("by-state").value !== "all" });
  else none("No window waits: every exposure was decided or contained.");
  const decided = model.parts.waiting?.reviewed ?? 0;
  set($("windows-more"), [
    answer ? plural(all, "window matches", "windows match") : "",
    more > 0 ? `${more.toLocaleString("en")} more ${more === 1 ? "window is" : "windows are"} not shown: search, filter, or save all as CSV` : "",
    !answer && decided > 0 ? `${plural(decided, "window has", "windows have")} been decided but not contained` : "",
  ].filter(Boolean).join(" · "));
}

/** Says why there are no rows, and offers what may bring some. */
function none(why, { clear = false, everywhere = false } = {}) {
  $("windows-none").hidden = why === null;
  set($("windows-why"), why ?? "");
  $("windows-clear").hidden = !clear;
  $("windows-everywhere").hidden = !everywhere;
}

function waiting(data) {
  const counts = [
    ...[[data.ahead, "in time"], [data.contested, "overdue"], [data.behind, "late"], [data.contained, "contained"]].map(([count, what]) => `${count.toLocaleString("en")} ${what}`),
  ].join(" · ");
  // Some of them wait for a decision and are counted above, some were decided and are not contained: no part
  // of a sum. More words would take a second line, and move the list.
  const attacked = data.attacked > 0 ? `; ${data.attacked.toLocaleString("en")} attacked` : "";
  set($("race-count"), `${filter.asked() ? "of all that wait now" : "waiting now"}: ${counts}${attacked}`);
}

// A range whose ends look the same is one number.
function range(low, high) {
  if (low === null || low === undefined) return "–";
  const [from, to] = [low, high].map((share) => (100 * share).toFixed(1));
  return from === to ? `${from} %` : `${from}–${to} %`;
}

const CAUSES = { unjudged: "not judged yet", unassessed: "unassessed", unknown_exposure: "of unknown exposure" };
// What came of the reviews that were due. Only what is effective is green.
const OUTCOMES = [["effective", "effective"], ["hollow", "in time, but hollow"], ["overdue", "late or not at all"], ["unjudged", "not judged yet"], ["unassessed", "unassessed"], ["unknown_exposure", "of unknown exposure"]];
/** A length of time that is known to lie between two; without a known upper end it is open. */
const lies = ({ low, high }) => (high === null ? `${length(low)} or more` : low === high ? length(low) : `${length(low)} to ${length(high)}`);
const sample = (rate) => `${plural(rate.windows, "window", "windows")} in ${plural(rate.incidents, "incident", "incidents")}`;

// Every figure says beside it of which period it is: some are of now, some of a day.
function rate(data) {
  const { effective, in_time_ms } = data;
  set($("rate"), range(effective.low, effective.high));
  const causes = Object.entries(CAUSES).filter(([cause]) => effective.outcomes[cause] > 0).map(([cause, text]) => `${effective.outcomes[cause]} ${text}`);
  set($("rate-note"), causes.length ? `A range because of ${causes.join(", ")}` : "");
  const within = in_time_ms === null ? "in time" : `within ${limit(in_time_ms)}`;
  set($("rate-text"), `of the exposures found in the last 24 hours that attackers race for got a meaningful review by a person ${within}. The others were decided late, hollow or not at all.`);
  set($("race-words"), in_time_ms === null ? "In time, overdue and late follow the targets of each workflow." : `Where attackers race: overdue after ${limit(in_time_ms)}, late after ${limit(data.late_ms)}, when an attacker is likely there.`);
  set($("rate-sample"), effective.low === null ? "No review of the last 24 hours was due yet." : `Last 24 hours: ${sample(effective)}; chance included, the rate is within ${range(effective.low_bound, effective.high_bound)}`);
  if ($("bands").childElementCount === 0) {
    $("bands-key").append(el("li", "", "Last 24 hours:"));
    for (const [name, label] of OUTCOMES) {
      $("bands").append(el("i", name));
      const item = el("li"), count = el("b");
      item.append(el("i", name), count, label);
      $("bands-key").append(item);
    }
  }
  OUTCOMES.forEach(([name], at) => {
    $("bands").children[at].style.flexGrow = String(effective.outcomes[name]);
    set($("bands-key").children[at + 1].querySelector("b"), String(effective.outcomes[name]));
  });
  $("rate-others").replaceChildren(...data.others.map((other) => {
    const item = el("li");
    const { effective } = other, share = effective.low === null ? "no review is due yet" : `${range(effective.low, effective.high)} (last 24 hours: ${sample(effective)})`;
    set(item, `${words(other.workflow)}, within ${limit(other.in_time_ms)}: ${share}`);
    return item;
  }));
  const open = data.open + data.older_open;
  const hollow = Object.entries(data.by_reason).sort((a, b) => b[1] - a[1]).map(([reason, count]) => `${words(reason)} ${count}`);
  const first = [data.attacker_first.low, data.attacker_first.high].map((count) => (count < 10 ? count : Math.round(count)).toLocaleString("en"));
  const undecided = `Undecided now: ${plural(open, "window", "windows")}` + (data.older_open ? `, ${data.older_open} of them older than a day` : "");
  $("rate-open").replaceChildren(el("li", "", undecided), el("li", "period", "Of the windows of the last 24 hours:"), ...[
    data.median_ms.low === null ? "" : `Median wait where attackers race, undecided windows included: ${lies(data.median_ms)}`,
    data.unknown > 0 ? `${data.unknown} decided, and nobody knows whether in time` : "",
    data.withdrawn > 0 ? `${data.withdrawn} withdrawn by the source` : "",
    `If attackers try every leaked key, they are expected to come first in ${first[0] === first[1] ? first[0] : `${first[0]} to ${first[1]}`} of the windows`,
    data.judged ? `${data.hollow} of ${plural(data.judged, "judged decision", "judged decisions")} hollow` + (hollow.length ? ` (${hollow.join(", ")})` : "") + `, ${data.unassessed} unassessed` : "",
    data.complete ? "" : "Some windows of the day are missing",
  ].filter(Boolean).map((line) => el("li", "", line)));
}

const PERIODS = { 7: "7 days", 30: "30 days", 90: "90 days" };
/** A period is better only if the worst reading of now is above the best reading of then, chance taken into account. */
function change(now, then) {
  if (!now || !then || now.low === null || then.low === null) return "";
  if (now.low_bound > then.high_bound) return "better";
  return now.high_bound < then.low_bound ? "worse" : "no clear change";
}

function trend(today, periods) {
  if (!today || !periods) return;
  const day = { rate: today.complete ? today.effective : null, name: "24 hours" };
  $("trend").replaceChildren(...[day, ...periods.map((period) => ({ ...period, name: PERIODS[period.days] }))].map(({ name, rate, before, begins_at, comparable }) => {
    const row = el("tr"), head = el("th", "", name), verdict = comparable ? change(rate, before) : "";
    head.scope = "row";
    if (begins_at) head.append(el("small", "", ` since ${dateParts(begins_at).day}`));
    const told = (one) => (one ? range(one.low, one.high) : "not known");
    const then = before === undefined ? "not compared" : before && before.low === null ? "no data" : `${told(before)}${before && !comparable ? ", of a part of them" : ""}`;
    const was = el("td", "", then);
    if (verdict) was.append(": ", el("b", verdict === "no clear change" ? "" : verdict, verdict));
    row.append(head, el("td", "", rate && rate.low === null ? "no data" : told(rate)), was, el("td", "", rate ? rate.windows.toLocaleString("en") : "–"));
    return row;
  }));
}

const URGENCY = { AttackObserved: "critical", AttackerLikelyPresent: "critical", AiActedFirst: "critical", ReviewOverdue: "page", RubberStampSuspected: "page" };
const LISTED = Object.keys(NAMES).filter((alert) => [...$("by-alert").options].some((option) => option.value === alert));
/** The count of each alert leads to what it counts, and a small link to what to do. */
function firing(data) {
  const items = Object.entries(data).map(([alert, count]) => {
    const item = el("li", URGENCY[alert] ?? "warning"), number = el("b", "", String(count)), name = NAMES[alert] ?? alert;
    const rows = LISTED.includes(alert) ? link(listAt("alert", alert), name) : link("#suspects-title", name);
    rows.dataset.alert = alert;
    const book = Object.assign(link(`/runbook/${alert}`, "runbook"), { className: "book" });
    book.setAttribute("aria-label", `runbook: ${name}`);
    item.append(rows, number, " now", book);
    return item;
  });
  if (items.length === 0) items.push(el("li", "", "none"));
  $("firing").replaceChildren(...items);
  marked();
}

/** Marks the count whose windows the list shows. */
function marked() {
  const alert = $("by-alert").value;
  for (const one of $("firing").querySelectorAll("a[data-alert]")) if (alert && one.dataset.alert === alert) one.setAttribute("aria-current", "true"); else one.removeAttribute("aria-current");
}
$("firing").addEventListener("click", (event) => {
  const alert = event.target.closest("a[data-alert]")?.dataset.alert;
  if (!LISTED.includes(alert) || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  filter.choose({ alert, state: "all" });
  $("race").focus({ preventScroll: true });
  $("race").scrollIntoView();
});

function noted(note) {
  if (note.what === "CloseCall") return `decided ${length(note.margin_ms)} before it was overdue`;
  return NAMES[note.what] ?? note.what;
}

/** A link to the page of a row's exposure. */
const leads = (row) => Object.assign(link(exposureAt(row.id), row.credential), { title: names(row) });

const heard = new Set();
let saidAt = 0;
function notes(list) {
  const all = [...list].sort((a, b) => (a[1].at < b[1].at ? 1 : a[1].at > b[1].at ? -1 : 0));
  $("notes").replaceChildren(...all.map(([, note]) => {
    const good = note.what === "CloseCall" || note.what === "ContainedFirst";
    const item = el("li", `${note.urgency ?? (good ? "good" : "")}${note.until ? " over" : ""}`);
    const at = el("time", "", when(note.at)), text = el("span"), what = el("b", "", noted(note));
    text.append(what, note.until ? ` (until ${when(note.until)}) ` : " ", leads(note));
    item.append(at, text);
    return item;
  }));
  announce(all);
}

// Reads out critical alerts only, at most one line in ten seconds.
function announce(all) {
  const grave = all.filter(([key, note]) => !heard.has(key) && !note.until && (note.urgency === "critical" || note.what === "SeededCaseMissed"));
  if (heard.size === 0 || Date.now() - saidAt < 10_000) { if (heard.size === 0) all.forEach(([key]) => heard.add(key)); return; }
  if (grave.length === 0) return;
  saidAt = Date.now();
  grave.forEach(([key]) => heard.add(key));
  if (heard.size > 2_000) heard.clear();
  set($("said"), grave.length === 1 ? `${noted(grave[0][1])}: ${grave[0][1].credential}` : `${grave.length} new critical alerts`);
}

function decisions(list) {
  chart ??= new Chart($("chart"));
  const { without, placed } = chart.update(list), times = [...list.values()].map(({ at }) => at).sort();
  set($("both-count"), `the latest ${plural(placed, "decision", "decisions")}` + (times.length ? ` since ${when(times[0])}` : "") + (without ? `; ${without} more about advice of unknown length` : ""));
  const latest = [...list.values()].sort((a, b) => (a.at < b.at ? 1 : -1)).slice(0, 25);
  $("decisions").replaceChildren(...latest.map((decision) => {
    const row = el("tr"), kind = quality(decision), where = decision.attention_ratio === null ? "" : quadrant(decision);
    const verdict = kind === "hollow" ? `hollow: ${decision.hollow.map(words).join(", ")}` : decision.quality ?? "not judged yet";
    const cells = [when(decision.at), leads(decision), took(decision), decision.attention_ratio === null ? "–" : `${decision.attention_ratio} ×`, verdict];
    row.append(...cells.map((content) => { const cell = el("td"); cell.append(content instanceof Node ? content : el("bdi", "", content)); return cell; }));
    row.dataset.quadrant = where;
    return row;
  }));
}

function suspected(data) {
  const shown = data.pages.map((page) => {
    const box = el("article", `suspect${page.ended_at ? " over" : ""}`), who = el("p", "who"), name = el("b"), what = el("span");
    name.append(link(reviewerAt(page.id), page.reviewer));
    set(what, `${page.ended_at ? `alert ended ${when(page.ended_at)}` : `alert since ${when(page.at)}`}, counted since ${when(page.since)}; evidence ${amount(page.statistic)}` + (page.threshold === data.pages[0].threshold ? "" : `, fired from ${page.threshold.toLocaleString("en")} on`));
    who.append(name, what);
    const table = el("table"), body = el("tbody"), head = el("thead"), titles = el("tr");
    for (const text of ["Sign", "Seen", "Allowed"]) { const cell = el("th"); cell.scope = "col"; set(cell, text); titles.append(cell); }
    head.append(titles);
    for (const signal of page.signals) {
      const row = el("tr"), sign = el("td"), seen = el("td"), allowed = el("td"), meter = el("span", "meter"), fill = el("i"), mark = el("u");
      set(sign, SIGNALS[signal.signal] ?? signal.signal);
      fill.style.transform = `scaleX(${signal.signs / signal.observed})`;
      meter.append(fill);
      // Agreement has no rate that is allowed: it is compared with peers.
      if (signal.allowed !== null) { mark.style.left = `${100 * signal.allowed}%`; meter.append(mark); }
      seen.append(meter, `${signal.signs} of ${signal.observed}`);
      set(allowed, signal.allowed === null ? "as peers in like cases" : `${Math.round(100 * signal.allowed)} %`);
      row.append(sign, seen, allowed);
      body.append(row);
    }
    table.append(head, body);
    const path = el("details", "path"), title = el("summary"), list = el("ol");
    set(title, "The decisions that it is based on");
    list.append(...page.path.map((step) => {
      const item = el("li"), text = el("span");
      const signs = step.signs.map((sign) => SIGNALS[sign] ?? sign).join(", ") || "no sign";
      set(text, `${when(step.at)} ${signs}; evidence ${amount(step.statistic)} `);
      item.append(text, link(exposureAt(step.id), step.credential));
      return item;
    }));
    path.append(title, list);
    box.append(who, table, path);
    return box;
  });
  if (shown.length === 0) { const none = el("p", "empty"); set(none, "Nobody: no reviewer's evidence has crossed its threshold."); shown.push(none); }
  if (data.more > 0) { const more = el("p", "small"); set(more, `and ${data.more} more`); shown.push(more); }
  $("suspects").replaceChildren(...shown);
  $("suspects-means").hidden = data.pages.length === 0;
  if (data.pages.length > 0) set($("suspects-means"), evidenceMeans(data.pages[0].threshold));
}

function health(data) {
  const facts = [
    ["Process", data.healthy ? "working" : "stuck", !data.healthy], ["Ready", data.ready ? "yes" : "not yet", !data.ready],
    ["Workers", String(data.workers)], ["Behind the ledger", plural(data.lag_records, "record", "records"), data.lag_records > 10_000],
    ["Windows held", data.windows.toLocaleString("en")], ["Left out", String(data.not_kept), data.not_kept > 0],
    ["Not readable", String(data.foreign), data.foreign > 0],
  ];
  $("health").replaceChildren(...facts.map(([name, value, bad]) => {
    const box = el("div"), term = el("dt"), fact = el("dd", bad ? "bad" : "");
    set(term, name);
    set(fact, value);
    box.append(term, fact);
    return box;
  }));
  $("missing").replaceChildren(...data.missing.map((why) => { const item = el("li"); set(item, why); return item; }));
}

function receivers(list) {
  $("receivers-list").hidden = list.length === 0;
  $("receivers").replaceChildren(...list.map(({ name, last_at_ms, expected_ms, taken, refused }) => {
    const row = el("tr"), last = el("td", "", last_at_ms === null ? "none since the start" : when(new Date(last_at_ms).toISOString()));
    if (expected_ms !== null && last_at_ms !== null && now() - last_at_ms > expected_ms) { last.className = "bad"; last.append(", silent for too long"); }
    row.append(el("td", "", name), last, el("td", "", expected_ms === null ? "–" : limit(expected_ms)), el("td", "", taken.toLocaleString("en")), el("td", "", refused.toLocaleString("en")));
    return row;
  }));
}

function tick() {
  if (paused || clock.at === 0) return;
  set($("clock"), clockTime(now()));
  $("clock").dateTime = new Date(now()).toISOString();
  race.tick(now());
  unjoined.tick(now());
}

const STATES = { on: "Live", off: "Connection lost, reconnecting", asks: "Waiting for a token" };
let linked = "off", pausedAt = 0;
function linkState(word) {
  linked = word;
  // What is shown does not change, so it is not live, whatever the connection is.
  const behind = word === "on" ? catchingUp(model.parts.health?.catching_up) : null;
  set($("link"), paused ? `Paused at ${dateParts(pausedAt).time}` : behind ?? STATES[word]);
  $("link").className = `link ${paused ? "paused" : behind ? "catches" : word}`;
}
follow({ take, state: (word) => { if (!paused) linkState(word); else linked = word; } });

const filter = new Filter($, {
  answer(data, grouped, fresh) {
    if (data === null ? answer !== null : fresh) race.reset();
    troubled = null;
    answer = data === null ? null : { data, grouped };
    asked();
  },
  trouble(message) {
    race.reset();
    troubled = `The address asks for something that there is not: ${message}.`;
    answer = null;
    asked();
  },
});
/** The list, and what says to which question it is the answer. */
function asked() {
  if (model.n === 0) return;
  list();
  marked();
  waiting(model.parts.waiting);
}
$("windows-clear").addEventListener("click", () => filter.reset());
$("windows-everywhere").addEventListener("click", () => { $("by-state").value = "all"; filter.changed("state"); });
const shortcuts = help([["/", "search"], ["j k", "next and previous window"], ["Enter", "open the window's page"], ["Esc", "clear the search and the filters, and go back to the selected window"]]);
keys({ search: $("by-q"), list: $("windows"), help: shortcuts, clear: () => filter.reset() });
$("filter").addEventListener("submit", (event) => event.preventDefault());
// On a phone the list comes first to hand; what the rate is made of is one step away.
$("rate-more").open = !narrow.matches;
zoneSwitch($("zone"));
signOutButton($("sign-out"));
$("pause").addEventListener("click", () => {
  if (!paused && clock.at === 0) return;
  // The clock stops at the moment that the pause tells.
  tick();
  pausedAt = Date.parse($("clock").dateTime);
  paused = filter.paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  set($("pause"), paused ? "Resume" : "Pause");
  document.body.classList.toggle("still", paused);
  linkState(linked);
  if (!paused && model.n) show(model);
});
setInterval(tick, 250);
