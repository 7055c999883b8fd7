// Elements, texts, times and addresses. Text is only ever inserted as text.

export function el(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

export function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A text from outside, apart from the direction of the text around it. */
export const isolated = (text) => el("bdi", "", text);

/** The further names of a row's credential, as far as the row has them; empty without any. */
export function others(row) {
  const more = row.names_left_out ? ` and ${row.names_left_out} more` : "";
  return (row.other_names ?? []).join(", ") + more;
}

/** All names of a row's credential, on a line. */
export const names = (row) => (row.other_names ? `${row.credential}, also ${others(row)}` : row.credential);

export const plural = (count, one, many) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

const two = (n) => String(n).padStart(2, "0");

/** A length of time that runs: 4:07 (minutes and seconds), 2 h 05 min, 3 d 04 h. */
export function span(ms) {
  const total = Math.max(0, Math.floor(ms / 1000));
  if (total < 3600) return `${Math.floor(total / 60)}:${two(total % 60)}`;
  const hours = Math.floor(total / 3600);
  if (hours < 24) return `${hours} h ${two(Math.floor(total / 60) % 60)} min`;
  return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`;
}

/** A length of time that stands alone: 7 s, 4 min 07 s, 2 h 05 min, 3 d 04 h. */
export function length(ms) {
  const total = Math.max(0, Math.floor(ms / 1000));
  if (total < 60) return `${total} s`;
  return total < 3600 ? `${Math.floor(total / 60)} min ${two(total % 60)} s` : span(ms);
}

/** A length of time to the millisecond, so that lengths on a page add up: 59.650 s, 1 h 00 min 59 s. Whole seconds have no fraction. */
export function exact(ms) {
  const seconds = Math.floor(ms / 1000);
  const units = [[Math.floor(seconds / 86_400), "d"], [Math.floor(seconds / 3_600) % 24, "h"], [Math.floor(seconds / 60) % 60, "min"], [seconds % 60, "s"]];
  const first = units.findIndex(([count, unit]) => count > 0 || unit === "s");
  return units.slice(first).map(([count, unit], at) => `${at === 0 ? count : two(count)}${unit === "s" ? fractionOf(ms) : ""} ${unit}`).join(" ");
}

/** The part of a time below a second, if there is one: .650 */
function fractionOf(ms) {
  const below = ((ms % 1000) + 1000) % 1000;
  return below ? `.${String(below).padStart(3, "0")}` : "";
}

/** How far what is shown is behind the present after a start; nothing once it has caught up. */
export function catchingUp(behind) {
  if (!behind) return null;
  const { behind_ms, records } = behind;
  if (behind_ms !== null) return `Catching up: ${behind_ms < 60_000 ? "under a minute" : length(behind_ms)}`;
  return records > 0 ? `Catching up: ${plural(records, "record", "records")}` : "Catching up";
}

/** A target: 9 min, 1 d. */
export function limit(ms) {
  const unit = [[86_400_000, "d"], [3_600_000, "h"], [60_000, "min"], [1_000, "s"]].find(([size]) => ms % size === 0);
  return unit ? `${ms / unit[0]} ${unit[1]}` : length(ms);
}

export const words = (word) => String(word ?? "").replaceAll("_", " ");

/** Whether times are shown in the reader's time zone instead of UTC; kept in the address. */
export const isLocal = () => new URLSearchParams(location.search).get("tz") === "local";

/** A time in the chosen zone: the date, the time of day, and the zone's name. */
export function parts(time) {
  const date = new Date(time);
  if (!isLocal()) {
    const text = date.toISOString();
    return { day: text.slice(0, 10), time: text.slice(11, 19), zone: "UTC" };
  }
  const minutes = -date.getTimezoneOffset(), ahead = Math.abs(minutes);
  return {
    day: `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`,
    time: `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`,
    zone: `UTC${minutes < 0 ? "−" : "+"}${two(Math.floor(ahead / 60))}:${two(ahead % 60)}`,
  };
}

/** The time of day, with its date unless that is the day of `now`. */
export function timeOn(time, now) {
  const at = parts(time);
  return at.day === parts(now).day ? at.time : `${at.day.slice(5)} ${at.time.slice(0, 5)}`;
}

/** A time as it was recorded, to the millisecond: times cut to seconds would contradict the lengths of time between them. */
export function fullTime(time) {
  const { day, time: clock, zone } = parts(time);
  return `${day} ${clock}${fractionOf(Date.parse(time))} ${zone}`;
}

/** What a clock shows: the time to the second. */
export function clockTime(time) {
  const { day, time: clock, zone } = parts(time);
  return `${day} ${clock} ${zone}`;
}

/** The parts of the board's address that say what its list is asked for. */
export const LIST = ["q", "state", "alert", "quality", "workflow", "severity", "owner", "source", "sort"];

/** What the address says of the list and of the time zone: pages about one thing hand it back to the board. */
function kept() {
  const query = new URLSearchParams(location.search);
  for (const name of [...query.keys()]) if (name !== "tz" && !LIST.includes(name)) query.delete(name);
  return query.size ? `?${query}` : "";
}

/** The board as it was asked for; its list, if something was. */
export const boardAt = () => `/${kept()}${LIST.some((name) => new URLSearchParams(location.search).has(name)) ? "#race" : ""}`;

const address = (path) => path + kept();
export const exposureAt = (id) => address(`/exposure/${encodeURIComponent(id)}`);

/** Lets the links to pages about one thing lead back to the list as it is asked for now. */
export function leadBack() {
  for (const one of document.links) if (/^\/(exposure|reviewer)\//.test(one.pathname)) one.search = kept();
}

/** The board's list of all windows, whatever their state, that a search or a filter finds. */
export const listAt = (name, value) => `/?${new URLSearchParams({ [name]: value, state: "all", ...(isLocal() ? { tz: "local" } : {}) })}#race`;
export const reviewerAt = (id) => address(`/reviewer/${encodeURIComponent(id)}`);

/** What the rest of this page's address names. */
export function named() {
  try {
    return decodeURIComponent(location.pathname.split("/").slice(2).join("/"));
  } catch {
    return "";
  }
}

export function link(href, text) {
  const made = el("a");
  made.href = href;
  made.append(isolated(text));
  return made;
}

export const NAMES = {
  AttackObserved: "attack observed",
  ReviewDueSoon: "review due soon", ReviewOverdue: "review overdue", AttackerLikelyPresent: "attacker likely present",
  ContainmentOverdue: "containment overdue", AiActedFirst: "the AI acted first", HollowApproval: "hollow approval",
  SeededCaseMissed: "seeded case missed", RubberStampSuspected: "rubber-stamping suspected",
  ContainedFirst: "contained before any decision",
};

export const SIGNALS = { seeded: "wrong advice let through", dwell: "no time to read at 600 words a minute", context: "evidence not opened", agreement: "agreed with the AI" };

/**
 * What evidence is and when an alert fires, in words. It is a sum of likelihood ratios, one for every decision since
 * which the change may have come (Shiryaev and Roberts); it is no probability that somebody rubber-stamps.
 */
export function evidenceMeans(threshold) {
  const from = threshold.toLocaleString("en");
  return `Evidence says how many times likelier these signs are after a turn to rubber-stamping than at the allowed rates, added up over all decisions at which the turn may have come. An alert fires from ${from} on: a reviewer at the allowed rates gets one by chance at most once in ${from} decisions, on average. It does not say how probable rubber-stamping is.`;
}

export const amount = (value) => (value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString("en"));

/** Switches between UTC and the reader's zone; the page loads anew, with the choice in its address. */
export function zoneSwitch(button) {
  set(button, isLocal() ? "Show UTC" : "Show local time");
  button.addEventListener("click", () => {
    const query = new URLSearchParams(location.search);
    if (isLocal()) query.delete("tz"); else query.set("tz", "local");
    location.search = query.toString();
  });
}

/** How long a decision took. Where nobody knows when a credential was exposed it took at least as long. */
export const took = (decision) => length(decision.time_to_review_ms) + (decision.exposure_known ? "" : " or more");
