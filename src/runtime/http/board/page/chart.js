// The chart of speed and diligence.
import { limit, set, took } from "./text.js";

const SVG = "http://www.w3.org/2000/svg";
function svg(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes ?? {})) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

const W = 720, H = 430, LEFT = 62, RIGHT = 8, TOP = 8, BOTTOM = 46;
const X = [0.02, 50], Y = [0.02, 60];
const scale = (value, [low, high], from, to) => {
  const share = Math.log(Math.min(Math.max(value, low), high) / low) / Math.log(high / low);
  return from + share * (to - from);
};
const x = (share) => scale(share, X, LEFT, W - RIGHT);
const y = (ratio) => scale(ratio, Y, H - BOTTOM, TOP);

const QUADRANTS = {
  best: "in time, with time to read", late: "late, with time to read",
  worst: "in time, faster than most read", both: "late, faster than most read",
};

/** How much of its target a decision took. */
const taken = (decision) => decision.time_to_review_ms / decision.in_time_ms;

/** The quadrant of a decision. */
export function quadrant(decision) {
  const soon = taken(decision) < 1, read = decision.attention_ratio >= 1;
  return soon ? (read ? "best" : "worst") : (read ? "late" : "both");
}

const QUALITIES = { meaningful: "real", hollow: "hollow", unassessed: "unassessed" };
export const quality = (decision) => QUALITIES[decision.quality] ?? "unjudged";
/** Green is for what is effective: meaningful, and in time. */
const look = (decision) => `${quality(decision)}${decision.effective ? " effective" : ""}`;

export class Chart {
  constructor(place) {
    this.points = new Map();
    this.first = true;
    this.svg = svg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-labelledby": "chart-title" });
    this.title = svg("title", { id: "chart-title" });
    this.svg.append(this.title);
    this.ground();
    this.dots = svg("g");
    this.svg.append(this.dots);
    this.labels();
    place.replaceChildren(this.svg);
  }

  ground() {
    const due = x(1), one = y(1), right = W - RIGHT, bottom = H - BOTTOM;
    const hatch = svg("pattern", { id: "hatch", width: 9, height: 9, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
    hatch.append(svg("path", { d: "M0 0V9", class: "hatch", "stroke-width": 2 }));
    const defs = svg("defs");
    defs.append(hatch);
    const box = (left, top, width, height, more) => svg("rect", { x: left, y: top, width, height, ...more });
    this.svg.append(defs,
      box(LEFT, TOP, due - LEFT, one - TOP, { class: "best-ground" }),
      box(LEFT, one, due - LEFT, bottom - one, { class: "bad" }),
      box(LEFT, one, due - LEFT, bottom - one, { fill: "url(#hatch)" }));
    const line = (x1, y1, x2, y2, kind) => this.svg.append(svg("path", { d: `M${x1} ${y1}L${x2} ${y2}`, class: kind }));
    for (const [share, label] of [[0.05, "0.05"], [0.2, "0.2"], [0.5, "0.5"], [1, "target"], [2, "2 ×"], [5, "5 ×"], [20, "20 ×"]]) {
      line(x(share), TOP, x(share), bottom, share === 1 ? "mark" : "grid");
      this.svg.append(svg("text", { x: x(share), y: bottom + 16, "text-anchor": "middle" }, label));
    }
    for (const [ratio, label] of [[0.03, "0.03"], [0.1, "0.1"], [0.3, "0.3"], [1, "1"], [3, "3"], [10, "10"], [30, "30"]]) {
      line(LEFT, y(ratio), right, y(ratio), ratio === 1 ? "mark" : "grid");
      this.svg.append(svg("text", { x: LEFT - 6, y: y(ratio) + 4, "text-anchor": "end" }, label));
    }
    line(LEFT, bottom, right, bottom, "axis");
    line(LEFT, TOP, LEFT, bottom, "axis");
    this.svg.append(
      svg("text", { x: (LEFT + right) / 2, y: H - 8, "text-anchor": "middle" }, "time to review ÷ the target of the workflow"),
      svg("text", { transform: `translate(13 ${(TOP + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, "time available ÷ time that reading takes"));
  }

  labels() {
    const right = W - RIGHT - 8, bottom = H - BOTTOM;
    const places = { best: [LEFT + 8, TOP + 18, "start"], late: [right, TOP + 18, "end"], worst: [LEFT + 8, bottom - 10, "start"], both: [right, bottom - 10, "end"] };
    this.tallies = {};
    for (const [name, [left, top, anchor]] of Object.entries(places)) {
      const upper = top < H / 2;
      const tally = svg("text", { x: left, y: upper ? top + 24 : top - 18, "text-anchor": anchor, class: "tally" }, "0");
      this.svg.append(svg("text", { x: left, y: top, "text-anchor": anchor, class: `quad ${name}` }, QUADRANTS[name]), tally);
      this.tallies[name] = tally;
    }
  }

  /** Shows these decisions. Returns how many have no position, and how many have one. */
  update(decisions) {
    const counts = { best: 0, late: 0, worst: 0, both: 0 };
    let without = 0;
    const latest = [...decisions.values()].map((decision) => decision.at).sort().at(-25) ?? "";
    for (const [key, decision] of decisions) {
      if (decision.attention_ratio === null) { without += 1; continue; }
      counts[quadrant(decision)] += 1;
      this.point(key, decision, decision.at < latest);
    }
    for (const [key, point] of this.points) {
      if (!decisions.has(key)) { point.node.remove(); this.points.delete(key); }
    }
    for (const [name, count] of Object.entries(counts)) set(this.tallies[name], String(count));
    set(this.title, Object.entries(counts).map(([name, count]) => `${count} ${QUADRANTS[name]}`).join("; "));
    this.first = false;
    return { without, placed: decisions.size - without };
  }

  point(key, decision, old) {
    const kind = look(decision), state = `${kind}/${old}/${decision.attention_ratio}/${decision.time_to_review_ms}/${decision.in_time_ms}`;
    const known = this.points.get(key);
    if (known?.state === state) return;
    known?.node.remove();
    const left = x(taken(decision)).toFixed(1), top = y(decision.attention_ratio).toFixed(1);
    const style = `${kind}${old ? " old" : ""}${known || this.first ? "" : " fresh"}`;
    const path = { hollow: "M-5-5 5 5M5-5-5 5", unassessed: "M0-6 6 0 0 6-6 0Z" }[quality(decision)];
    const node = path
      ? svg("path", { d: path, transform: `translate(${left} ${top})`, class: style })
      : svg("circle", { cx: left, cy: top, r: 4.5, class: style });
    node.append(svg("title", {}, `${decision.credential}: decided in ${took(decision)}, target ${limit(decision.in_time_ms)}, ${decision.attention_ratio} × the time that reading takes`));
    this.dots.append(node);
    this.points.set(key, { node, state });
  }
}
