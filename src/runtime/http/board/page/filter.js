// The question that the list answers: a search, filters and an order, kept in the address.
import { ask } from "./session.js";
import { LIST, el, exposureAt, isLocal, leadBack, set, words } from "./text.js";

const DEFAULTS = { state: "waiting", sort: "urgency" };
const ASK_EVERY_MS = 2_000, CHOICES_EVERY_MS = 30_000, TYPED_AFTER_MS = 200;
const ROWS = 200;
const SEVERITIES = ["critical", "high", "medium", "low"];

export class Filter {
  /**
   * Calls `answer(data, grouped, fresh)` with rows, `answer(null)` where the stream's rows are what is asked for, and
   * `trouble(message)` where the server does not know what is asked for.
   */
  constructor(find, { answer, trouble }) {
    Object.assign(this, { answer, trouble });
    this.fields = Object.fromEntries(LIST.map((name) => [name, find(`by-${name}`)]));
    this.csv = find("csv");
    this.clear = find("clear");
    this.owners = find("owners");
    this.unknown = { line: find("unknown"), why: find("unknown-why") };
    find("unknown-clear").addEventListener("click", () => { this.unknown.line.hidden = true; this.fields.q.focus(); });
    this.paused = false;
    this.number = 0;
    this.asking = 0;
    this.typed = null;
    for (const [name, field] of Object.entries(this.fields)) {
      const typed = field.tagName === "INPUT";
      field.addEventListener(typed ? "input" : "change", () => this.changed(name, typed));
    }
    this.clear.addEventListener("click", () => this.reset());
    addEventListener("popstate", () => {
      const before = this.query().toString();
      this.read();
      leadBack();
      // A link within the page is a step as well.
      if (this.query().toString() !== before) this.question(0);
    });
    this.read();
    this.tellUnknown();
    // From a figure to the page behind it: the first window of this list.
    this.goes = new URLSearchParams(location.search).get("go") === "first";
    this.write(false);
    this.question(0);
    setInterval(() => { if (!this.paused && !document.hidden && this.asked() && this.asking === 0) this.load(); }, ASK_EVERY_MS);
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
    for (const name of LIST) {
      const value = this.value(name);
      if (value && value !== DEFAULTS[name]) query.set(name, value);
    }
    return query;
  }

  asked() {
    return this.query().size > 0;
  }

  /** Sets the fields; those that are not named are as if nothing were asked for. */
  fill(wanted) {
    for (const [name, field] of Object.entries(this.fields)) {
      const value = wanted[name] ?? DEFAULTS[name] ?? "";
      for (const old of field.querySelectorAll?.("option[data-asked]") ?? []) if (old.value !== value) old.remove();
      // A choice that no window has now, or that there is not, is still what is asked for.
      if (field.tagName === "SELECT" && ![...field.options].some((option) => option.value === value)) {
        const asked = this.option(value, words(value));
        asked.dataset.asked = "";
        field.append(asked);
      }
      field.value = value;
    }
  }

  /** Takes over what the address asks for. */
  read() {
    this.fill(Object.fromEntries(new URLSearchParams(location.search)));
    this.typed = null;
  }

  /** Says which names of the address the board does not know; what they ask for has no effect. */
  tellUnknown() {
    const names = [...new Set(new URLSearchParams(location.search).keys())].filter((name) => !LIST.includes(name) && !["tz", "go"].includes(name));
    const { line, why } = this.unknown;
    line.hidden = names.length === 0;
    if (names.length > 0) set(why, `The address asks for something that the board does not know: ${names.slice(0, 5).map((name) => name.slice(0, 40)).join(", ")}. The list is without it. Known are ${LIST.join(", ")}.`);
  }

  /** Puts what is asked for into the address: as a step of its own, or in place of the last one. */
  write(step) {
    const shown = this.query();
    if (isLocal()) shown.set("tz", "local");
    const at = `${location.pathname}${shown.size ? `?${shown}` : ""}${step ? "" : location.hash}`;
    if (at !== location.pathname + location.search + location.hash) history[step ? "pushState" : "replaceState"](null, "", at);
    leadBack();
  }

  /** Asks for all that waits again; false if that is what was asked for. */
  reset() {
    if (!this.asked()) return false;
    this.fill({});
    this.changed(null);
    return true;
  }

  /** Asks for this and nothing else; the order stays. */
  choose(wanted) {
    this.fill({ ...wanted, sort: this.value("sort") });
    this.changed(null);
  }

  /** Somebody has changed a field. All letters of a word are one step. */
  changed(name, typed = false) {
    // An alert may go on when somebody has decided, and a review is one that was made.
    if (["alert", "quality"].includes(name) && this.value(name) && this.value("state") === DEFAULTS.state) this.fields.state.value = "all";
    this.write(!typed || this.typed !== name);
    this.typed = typed ? name : null;
    this.question(typed ? TYPED_AFTER_MS : 0);
  }

  question(after) {
    this.csv.href = `/api/v1/board/windows.csv?${this.query()}`;
    this.clear.disabled = !this.asked();
    this.number += 1;
    clearTimeout(this.timer);
    if (!this.asked() && !this.goes) { this.answer(null); this.choices(); return; }
    this.timer = setTimeout(() => this.load(true), after);
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
      if (answer.status === 400) this.trouble(data.error.message);
    } catch { /* The stream says that the connection is lost. */ } finally { this.asking -= 1; }
  }

  async choices() {
    if (this.asked()) return;
    const number = this.number;
    this.asking += 1;
    try {
      const answer = await ask("/api/v1/board/windows?limit=1");
      const data = await answer.json();
      // Another question was asked in the meantime: its answer has the choices.
      if (answer.ok && number === this.number) this.offer(data.choices);
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
      if (name === "severity") values.sort((a, b) => SEVERITIES.indexOf(a) - SEVERITIES.indexOf(b));
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
