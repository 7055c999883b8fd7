// The question that the list answers: a search, filters and an order, kept in the address.
import { ask } from "./session.js";
import { el, exposureAt, set, words } from "./text.js";

const FIELDS = ["q", "state", "workflow", "severity", "owner", "source", "sort"];
const DEFAULTS = { state: "waiting", sort: "urgency" };
const ASK_EVERY_MS = 2_000, CHOICES_EVERY_MS = 30_000, TYPED_AFTER_MS = 200;
const ROWS = 200;

export class Filter {
  /** Calls `answer(data, grouped)` with rows, or `answer(null)` where the stream's rows are what is asked for. */
  constructor(find, answer) {
    this.answer = answer;
    this.fields = Object.fromEntries(FIELDS.map((name) => [name, find(`by-${name}`)]));
    this.csv = find("csv");
    this.clear = find("clear");
    this.owners = find("owners");
    this.paused = false;
    this.number = 0;
    this.asking = 0;
    const query = new URLSearchParams(location.search);
    for (const [name, field] of Object.entries(this.fields)) {
      const value = query.get(name);
      if (value === null) continue;
      // A choice that no window has now is still what the address asks for.
      if (field.tagName === "SELECT" && ![...field.options].some((option) => option.value === value)) field.append(this.option(value, words(value)));
      field.value = value;
    }
    for (const field of Object.values(this.fields)) {
      const typed = field.tagName === "INPUT";
      field.addEventListener(typed ? "input" : "change", () => this.changed(typed));
    }
    this.clear.addEventListener("click", () => this.reset());
    // From a figure to the page behind it: the first window of this list.
    this.goes = query.get("go") === "first";
    this.changed(false);
    setInterval(() => { if (!this.paused && !document.hidden && this.asked() && this.asking === 0) this.load(); }, ASK_EVERY_MS);
    this.choices();
    setInterval(() => { if (!this.paused && !document.hidden) this.choices(); }, CHOICES_EVERY_MS);
  }

  option(value, text) {
    const made = el("option", "", text);
    made.value = value;
    return made;
  }

  value(name) {
    return this.fields[name].value.trim();
  }

  /** What differs from the list of all that waits. */
  query() {
    const query = new URLSearchParams();
    for (const name of FIELDS) {
      const value = this.value(name);
      if (value && value !== DEFAULTS[name]) query.set(name, value);
    }
    return query;
  }

  asked() {
    return this.query().size > 0;
  }

  /** Asks for all that waits again; false if that is what was asked for. */
  reset() {
    if (!this.asked()) return false;
    for (const [name, field] of Object.entries(this.fields)) field.value = DEFAULTS[name] ?? "";
    this.changed(false);
    return true;
  }

  changed(typing) {
    const query = this.query(), shown = new URLSearchParams(query), zone = new URLSearchParams(location.search).get("tz");
    this.csv.href = `/api/v1/board/windows.csv?${query}`;
    this.clear.disabled = !this.asked();
    if (zone) shown.set("tz", zone);
    history.replaceState(null, "", shown.size ? `?${shown}` : location.pathname);
    this.number += 1;
    clearTimeout(this.timer);
    if (!this.asked() && !this.goes) { this.answer(null); return; }
    this.timer = setTimeout(() => this.load(true), typing ? TYPED_AFTER_MS : 0);
  }

  async load(fresh = false) {
    const number = this.number, query = this.query();
    query.set("limit", String(ROWS));
    this.asking += 1;
    try {
      const answer = await ask(`/api/v1/board/windows?${query}`);
      const data = await answer.json();
      // Another question was asked in the meantime.
      if (number !== this.number || this.paused && !fresh) return;
      if (answer.ok && this.goes && data.rows.length > 0) { this.goes = false; location.replace(exposureAt(data.rows[0].id)); return; }
      if (answer.ok) { this.goes = false; this.offer(data.choices); this.answer(data, this.fields.sort.value === "urgency", fresh); }
    } catch { /* The stream says that the connection is lost. */ } finally { this.asking -= 1; }
  }

  async choices() {
    if (this.asked() || this.asking > 0) return;
    this.asking += 1;
    try {
      const answer = await ask("/api/v1/board/windows?limit=1");
      if (answer.ok) this.offer((await answer.json()).choices);
    } catch { /* As above. */ } finally { this.asking -= 1; }
  }

  offer(choices) {
    for (const [name, counts] of Object.entries(choices)) {
      const field = this.fields[name];
      if (name === "owner") { this.owns(Object.keys(counts)); continue; }
      if (document.activeElement === field) continue;
      const chosen = field.value, [all] = field.options;
      const values = Object.keys(counts);
      if (chosen && !values.includes(chosen)) values.push(chosen);
      if (name === "severity") values.sort((a, b) => ["critical", "high", "medium", "low"].indexOf(a) - ["critical", "high", "medium", "low"].indexOf(b));
      const text = (value) => `${name === "source" ? value.slice(0, 60) : words(value)} (${(counts[value] ?? 0).toLocaleString("en")})`;
      const same = field.options.length === values.length + 1 && values.every((value, at) => field.options[at + 1].value === value);
      if (same) { values.forEach((value, at) => set(field.options[at + 1], text(value))); continue; }
      field.replaceChildren(all, ...values.map((value) => this.option(value, text(value))));
      field.value = chosen;
    }
  }
  /** Owners are typed: there may be many, and a part of the name will do. */
  owns(names) {
    const known = names.join("\n");
    if (this.owners.dataset.known === known) return;
    this.owners.dataset.known = known;
    this.owners.replaceChildren(...names.map((name) => this.option(name)));
  }
}
