// The list of windows. Rows have one height and their places are set by the script, so that a
// row that comes or goes moves no other part of the page.
import { el, exposureAt, length, limit, names, others, set, span, took, words } from "./text.js";

// Where the marks of the bar are: all rows have them at the same places, whatever their targets.
const DUE = 0.45, LATE = 0.85;
const LEAVES_AFTER_MS = 2_500;
// Letters of a name that is not cut, and of the end that stays of a longer one.
const SHORT = 24, END = 10;
const SEVERITIES = ["critical", "high", "medium", "low"];
const ATTACKED = "Attack observed, neither contained nor dismissed";
const UNRATED = "No severity stated";
/** A phone, or as narrow. */
export const narrow = matchMedia("(max-width: 900px)");
/** Too narrow for a name and a countdown side by side. */
const stacked = matchMedia("(max-width: 1250px)");

const rank = (severity) => { const at = SEVERITIES.indexOf(severity); return at < 0 ? SEVERITIES.length : at; };

/** The group, band and place of a window at `now`: attacks first, then by severity, then by what can still be won. */
export function standing(row, now) {
  const attacked = row.attacked_ms !== null, severity = rank(row.severity);
  const group = attacked ? ATTACKED : SEVERITIES[severity] ?? UNRATED;
  const [band, turn, time] = turnOf(row, now);
  return { group, band: attacked ? "attacked" : band, order: [attacked ? 0 : 1, severity, turn, time] };
}

function turnOf(row, now) {
  const age = now - row.start_ms, late_at = row.start_ms + row.late_ms;
  if (row.state === "contained") return ["owed", 1, -row.start_ms];
  if (row.state !== "open") return ["done", 3, -row.start_ms];
  if (age < row.in_time_ms) return ["ahead", 0, late_at];
  return age < row.late_ms ? ["contested", 0, late_at] : ["behind", 2, -late_at];
}

function countdown(row, band, now) {
  const age = now - row.start_ms;
  switch (band) {
    case "attacked": return `‼ attacked ${span(now - row.attacked_ms)} ago`;
    case "ahead": return `● ${span(row.in_time_ms - age)} left`;
    case "contested": return `◆ ${span(row.late_ms - age)} until late`;
    case "owed": return `▪ contained after ${length(row.contained_ms - row.start_ms)}`;
    case "done": return row.decided_ms === null ? "withdrawn by the source" : `${words(row.quality ?? "not judged yet")}, decided after ${length(row.decided_ms - row.start_ms)}`;
    default: return `▲ ${span(age)} ${!row.raced ? "waiting" : row.exposure_known ? "exposed" : "since it was found"}`;
  }
}

/** How much of the bar an age fills: up to the first mark in time, from the second on late. */
export function filled(age, { in_time_ms, late_ms }) {
  if (age < in_time_ms) return DUE * Math.max(0, age) / in_time_ms;
  if (age < late_ms) return DUE + (LATE - DUE) * (age - in_time_ms) / (late_ms - in_time_ms);
  return Math.min(1, LATE * age / late_ms);
}

const compare = (a, b) => {
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return a[at] - b[at];
  return 0;
};

/** A name whose end stays when there is no room for all of it: names of one place differ at the end. */
function cut(node, name) {
  if (node.textContent === name) return;
  const letters = [...name], end = letters.length > SHORT ? letters.splice(-END).join("") : "";
  node.replaceChildren(el("span", "begins", letters.join("")), el("span", "ends", end));
}

export class Race {
  constructor(list) {
    this.list = list;
    this.rows = new Map();
    this.heads = new Map();
    this.first = true;
    this.grouped = true;
    for (const width of [narrow, stacked]) width.addEventListener("change", () => this.place(this.last ?? []));
  }

  /** Forgets all rows: what comes next answers another question. */
  reset() {
    for (const known of this.rows.values()) { clearTimeout(known.done); known.item.remove(); }
    this.rows.clear();
    this.place([]);
    this.first = true;
  }

  /** Shows these rows: by urgency, or in the order in which they come. The decisions explain why a row left. */
  update(windows, decisions, now, grouped = true) {
    this.grouped = grouped;
    const there = new Set();
    let index = 0;
    for (const row of windows) {
      there.add(row.id);
      const known = this.rows.get(row.id);
      if (known && !known.leaving) { known.row = row; known.index = index; this.describe(known); } else { this.add(row, index); }
      index += 1;
    }
    for (const [id, known] of this.rows) if (!there.has(id) && !known.leaving) this.leave(id, known, decisions.get(id));
    this.first = false;
    this.tick(now);
  }

  add(row, index) {
    const before = this.rows.get(row.id);
    if (before) { clearTimeout(before.done); before.item.remove(); }
    const item = el("li"), credential = el("bdi"), count = el("span", "count"), meta = el("p", "meta"), fill = el("i");
    const name = el("p", "cred"), open = el("a"), track = el("div", "track");
    open.href = exposureAt(row.id);
    open.append(credential);
    name.append(open);
    track.append(fill);
    item.append(name, count, meta, track);
    const known = { row, index, item, open, credential, count, meta, fill, band: "" };
    if (!this.first) item.classList.add("fresh");
    this.rows.set(row.id, known);
    this.describe(known);
  }

  describe({ row, open, credential, meta }) {
    cut(credential, row.credential);
    open.title = names(row);
    // What somebody has to know first: there may be no room for all of it.
    const parts = [];
    if (row.decided_ms !== null) parts.push(`${row.state === "reviewed" ? "decided, not contained" : "decided"}: ${words(row.action)} by ${row.reviewer}`);
    else if (row.awaiting) parts.push(row.awaiting === "triage" ? "waits for the AI" : "waits for a person");
    if (row.recommendation) parts.push(`AI advises: ${words(row.recommendation)}`);
    if (row.escalated) parts.push("escalated"); else if (row.touched && row.decided_ms === null) parts.push("looked at");
    if (row.owner) parts.push(`owner ${row.owner}`);
    if (row.location) parts.push(row.location);
    parts.push(row.raced ? words(row.workflow) : `${words(row.workflow)}, due within ${limit(row.in_time_ms)}`);
    if (row.other_names) parts.push(`also ${others(row)}`);
    if (row.detections > 1) parts.push(`seen ${row.detections} times`);
    if (row.incident) parts.push(`incident ${row.incident}`);
    const text = parts.join(" · "), severity = row.severity ?? "";
    if (meta.dataset.text === severity + text) return;
    meta.dataset.text = severity + text;
    const level = el("span", `sev ${severity}`, severity), rest = el("bdi", "", (severity ? " · " : "") + text);
    meta.replaceChildren(level, rest);
  }

  leave(id, known, decision) {
    known.leaving = true;
    known.item.classList.add("gone");
    set(known.count, decision ? `decided in ${took(decision)}` : "no longer in this list");
    // What it waited for is over.
    known.meta.querySelector("bdi")?.replaceChildren(decision ? (known.row.severity ? " · " : "") + (decision.quality ?? "not judged yet") : "");
    known.done = setTimeout(() => {
      known.item.remove();
      if (this.rows.get(id) === known) this.rows.delete(id);
    }, LEAVES_AFTER_MS);
  }

  /** Updates countdowns, bands and the order. */
  tick(now) {
    const order = [];
    for (const known of this.rows.values()) {
      if (known.leaving) { order.push(known); continue; }
      const at = standing(known.row, now);
      known.group = at.group;
      known.order = this.grouped ? at.order : [known.index];
      if (known.band !== at.band) {
        if (known.band) known.item.classList.remove(known.band);
        known.item.classList.add(at.band);
        known.band = at.band;
      }
      set(known.count, countdown(known.row, at.band, now));
      const end = known.row.decided_ms ?? known.row.contained_ms ?? known.row.withdrawn_ms ?? now;
      const share = filled(end - known.row.start_ms, known.row).toFixed(3);
      if (known.share !== share) { known.share = share; known.fill.style.transform = `scaleX(${share})`; }
      order.push(known);
    }
    order.sort((a, b) => compare(a.order, b.order));
    this.place(order);
  }

  place(order) {
    this.last = order;
    const height = parseFloat(getComputedStyle(this.list).getPropertyValue("--row")), head = 32, focused = document.activeElement;
    const wanted = [];
    let group = "", top = 0;
    for (const known of order) {
      if (this.grouped && known.group !== group) {
        const item = this.head(group = known.group);
        wanted.push([item, top]);
        top += head;
      }
      wanted.push([known.item, top]);
      top += height;
    }
    let at = this.list.firstChild;
    for (const [item, place] of wanted) {
      if (item === at) at = at.nextSibling; else this.list.insertBefore(item, at);
      if (item.dataset.top !== String(place)) {
        item.dataset.top = String(place);
        item.style.transform = `translateY(${place}px)`;
      }
    }
    while (at) { const next = at.nextSibling; at.remove(); at = next; }
    if (this.list.dataset.height !== String(top)) {
      this.list.dataset.height = String(top);
      this.list.style.height = `${top}px`;
    }
    // A row that is moved within the document loses the focus.
    if (focused !== document.activeElement && this.list.contains(focused)) focused.focus({ preventScroll: true });
  }

  head(group) {
    if (!this.heads.has(group)) this.heads.set(group, el("li", "group", group[0].toUpperCase() + group.slice(1)));
    return this.heads.get(group);
  }
}
