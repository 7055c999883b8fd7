// The names on which somebody acted and under which nothing was detected.
import { el, length, set, words } from "./text.js";

const cell = (text) => {
  const box = el("td"), inner = el("bdi");
  set(inner, text);
  box.append(inner);
  return box;
};

export class Unjoined {
  constructor(find) {
    this.count = find("unjoined-count");
    this.none = find("unjoined-none");
    this.list = find("unjoined-list");
    this.body = find("unjoined");
    this.more = find("unjoined-more");
    this.ages = [];
  }

  update(data, now) {
    const { names, events, rows } = data;
    set(this.count, names > 0 ? `${names.toLocaleString("en")} ${names === 1 ? "name" : "names"}, ${events.toLocaleString("en")} ${events === 1 ? "event" : "events"} without a window` : "");
    this.none.hidden = names > 0;
    this.list.hidden = names === 0;
    this.ages = rows.map((row) => ({ at: row.at_ms, cell: cell("") }));
    this.body.replaceChildren(...rows.map((row, at) => {
      const line = el("tr");
      const event = row.events > 1 ? `${row.kind} and ${row.events - 1} more` : row.kind;
      const workflow = row.workflow === "secret_exposure" ? "" : ` (${words(row.workflow)})`;
      line.append(cell(row.credential), cell(event + workflow), cell(row.source ?? "–"), this.ages[at].cell, cell(row.nearest.join(", ") || "none is similar"));
      return line;
    }));
    set(this.more, names > rows.length ? `and ${(names - rows.length).toLocaleString("en")} more, older` : "");
    this.tick(now);
  }

  tick(now) {
    for (const { at, cell } of this.ages) set(cell.firstChild, length(now - at));
  }
}
