// The open windows, the most urgent first.
import { el, set, span, words } from "./chart.js";

const FULL_MS = 20 * 60_000;
const LEAVES_AFTER_MS = 2_500;
const GROUPS = {
  racing: "Can still be won, the least time left first",
  owed: "Already contained, the review is due",
  lost: "Past 17 minutes, the latest first",
};

/** The group, band and sort order of a window at `now`. */
export function standing(row, now, marks) {
  if (row.state === "contained") return { group: "owed", band: "owed", order: -row.start_ms };
  const age = now - row.start_ms;
  if (age < marks.fastest_ms) return { group: "racing", band: "ahead", order: row.start_ms };
  if (age < marks.mean_ms) return { group: "racing", band: "contested", order: row.start_ms };
  return { group: "lost", band: "behind", order: -row.start_ms };
}

function countdown(row, band, now, marks) {
  const age = now - row.start_ms;
  switch (band) {
    case "ahead": return `● ${span(marks.fastest_ms - age)} to the fastest`;
    case "contested": return `◆ ${span(marks.mean_ms - age)} to the mean`;
    case "owed": return `▪ contained after ${span(row.contained_ms - row.start_ms)}`;
    default: return `▲ ${span(age)} exposed`;
  }
}

export class Race {
  constructor(list) {
    this.list = list;
    this.rows = new Map();
    this.heads = new Map();
    this.first = true;
  }

  /** Shows these rows. The decisions explain why a row left. */
  update(windows, decisions, now, marks) {
    for (const [key, row] of windows) {
      const known = this.rows.get(key);
      if (known && !known.leaving) { known.row = row; this.describe(known); } else { this.add(key, row); }
    }
    for (const [key, known] of this.rows) {
      if (!windows.has(key) && !known.leaving) this.leave(key, known, decisions.get(key));
    }
    this.first = false;
    this.tick(now, marks);
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
    const parts = [words(row.workflow)];
    if (row.location) parts.push(row.location);
    if (row.detections > 1) parts.push(`seen ${row.detections} times`);
    parts.push(row.awaiting === "triage" ? "waits for the AI" : "waits for a person");
    if (row.recommendation) parts.push(`AI advises: ${row.recommendation}`);
    if (row.owner) parts.push(row.owner);
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
  tick(now, marks) {
    const order = [];
    for (const known of this.rows.values()) {
      const at = standing(known.row, now, marks);
      if (known.leaving) { order.push([known.group ?? at.group, known.order ?? at.order, known.item]); continue; }
      known.group = at.group;
      known.order = at.order;
      if (known.band !== at.band) {
        if (known.band) known.item.classList.remove(known.band);
        known.item.classList.add(at.band);
        known.band = at.band;
      }
      set(known.count, countdown(known.row, at.band, now, marks));
      const end = known.row.contained_ms ?? now;
      const share = Math.min(1, Math.max(0, (end - known.row.start_ms) / FULL_MS)).toFixed(3);
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
