// The open windows, the most urgent first.
import { el, limit, set, span, words } from "./chart.js";

// Where the marks of the bar are: all rows have them at the same places, whatever their targets.
const DUE = 0.45, LATE = 0.85;
const LEAVES_AFTER_MS = 2_500;
const SEVERITIES = ["low", "medium", "high", "critical"];
const GROUPS = {
  attacked: "Attack observed, neither contained nor dismissed",
  racing: "Not late yet, the least time left first",
  owed: "Already contained, the review is due",
  lost: "Late, the latest first",
};

/** The group, band and sort order of a window at `now`. */
export function standing(row, now) {
  // The gravest first; a severity weighs more than any age.
  if (row.attacked_ms !== null) return { group: "attacked", band: "attacked", order: row.start_ms - 1e15 * (1 + SEVERITIES.indexOf(row.severity)) };
  if (row.state === "contained") return { group: "owed", band: "owed", order: -row.start_ms };
  const age = now - row.start_ms, late_ms = row.start_ms + row.late_ms;
  if (age < row.in_time_ms) return { group: "racing", band: "ahead", order: late_ms };
  if (age < row.late_ms) return { group: "racing", band: "contested", order: late_ms };
  return { group: "lost", band: "behind", order: -late_ms };
}

function countdown(row, band, now) {
  const age = now - row.start_ms;
  switch (band) {
    case "attacked": return `‼ attacked ${span(now - row.attacked_ms)} ago`;
    case "ahead": return `● ${span(row.in_time_ms - age)} left`;
    case "contested": return `◆ ${span(row.late_ms - age)} until late`;
    case "owed": return `▪ contained after ${span(row.contained_ms - row.start_ms)}`;
    default: return `▲ ${span(age)} ${row.raced ? "exposed" : "waiting"}`;
  }
}

/** How much of the bar an age fills: up to the first mark in time, from the second on late. */
export function filled(age, { in_time_ms, late_ms }) {
  if (age < in_time_ms) return DUE * Math.max(0, age) / in_time_ms;
  if (age < late_ms) return DUE + (LATE - DUE) * (age - in_time_ms) / (late_ms - in_time_ms);
  return Math.min(1, LATE * age / late_ms);
}

export class Race {
  constructor(list) {
    this.list = list;
    this.rows = new Map();
    this.heads = new Map();
    this.first = true;
  }

  /** Shows these rows. The decisions explain why a row left. */
  update(windows, decisions, now) {
    for (const [key, row] of windows) {
      const known = this.rows.get(key);
      if (known && !known.leaving) { known.row = row; this.describe(known); } else { this.add(key, row); }
    }
    for (const [key, known] of this.rows) {
      if (!windows.has(key) && !known.leaving) this.leave(key, known, decisions.get(key));
    }
    this.first = false;
    this.tick(now);
  }

  add(key, row) {
    this.rows.get(key)?.item.remove();
    const item = el("li"), credential = el("bdi"), count = el("span", "count"), meta = el("p", "meta"), fill = el("i");
    const name = el("p", "cred"), track = el("div", "track");
    name.append(credential);
    track.append(fill);
    item.append(name, count, meta, track);
    item.dataset.key = key;
    const known = { row, item, credential, count, meta, fill, band: "" };
    if (!this.first) item.classList.add("fresh");
    this.rows.set(key, known);
    this.describe(known);
  }

  describe({ row, credential, meta }) {
    set(credential, row.credential);
    credential.title = row.credential;
    const parts = [row.raced ? words(row.workflow) : `${words(row.workflow)}, due within ${limit(row.in_time_ms)}`];
    if (row.location) parts.push(row.location);
    if (row.detections > 1) parts.push(`seen ${row.detections} times`);
    parts.push(row.awaiting === "triage" ? "waits for the AI" : "waits for a person");
    if (row.escalated) parts.push("escalated"); else if (row.touched) parts.push("looked at");
    if (row.recommendation) parts.push(`AI advises: ${row.recommendation}`);
    if (row.owner) parts.push(row.owner);
    if (row.incident) parts.push(`incident ${row.incident}`);
    const text = parts.join(" · "), severity = row.severity ?? "";
    if (meta.dataset.text === severity + text) return;
    meta.dataset.text = severity + text;
    const level = el("span", `sev ${severity}`), rest = el("bdi");
    set(level, severity);
    set(rest, (severity ? " · " : "") + text);
    meta.replaceChildren(level, rest);
  }

  leave(key, known, decision) {
    known.leaving = true;
    known.item.classList.add("gone");
    const what = decision ? `✓ decided in ${span(decision.time_to_review_ms)}` : "no longer open";
    set(known.count, what);
    known.done = setTimeout(() => {
      known.item.remove();
      if (this.rows.get(key) === known) this.rows.delete(key);
    }, LEAVES_AFTER_MS);
  }

  /** Updates countdowns, bands and the order. */
  tick(now) {
    const order = [];
    for (const known of this.rows.values()) {
      const at = standing(known.row, now);
      if (known.leaving) { order.push([known.group ?? at.group, known.order ?? at.order, known.item]); continue; }
      known.group = at.group;
      known.order = at.order;
      if (known.band !== at.band) {
        if (known.band) known.item.classList.remove(known.band);
        known.item.classList.add(at.band);
        known.band = at.band;
      }
      set(known.count, countdown(known.row, at.band, now));
      const end = known.row.contained_ms ?? now;
      const share = filled(end - known.row.start_ms, known.row).toFixed(3);
      if (known.share !== share) { known.share = share; known.fill.style.transform = `scaleX(${share})`; }
      order.push([at.group, at.order, known.item]);
    }
    const groups = Object.keys(GROUPS);
    order.sort((a, b) => groups.indexOf(a[0]) - groups.indexOf(b[0]) || a[1] - b[1]);
    this.place(order);
  }

  place(order) {
    const wanted = [];
    let group = "";
    for (const [name, , item] of order) {
      if (name !== group) wanted.push(this.head(group = name));
      wanted.push(item);
    }
    let at = this.list.firstChild;
    for (const item of wanted) {
      if (item === at) at = at.nextSibling; else this.list.insertBefore(item, at);
    }
    while (at) { const next = at.nextSibling; at.remove(); at = next; }
  }

  head(group) {
    if (!this.heads.has(group)) {
      const head = el("li", "group");
      set(head, GROUPS[group]);
      this.heads.set(group, head);
    }
    return this.heads.get(group);
  }
}
