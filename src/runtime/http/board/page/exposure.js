// The page of one exposure: what leaked, what the AI said, who decided, and what followed.
import { facts, follow, nothing, section, table } from "./about.js";
import { NAMES, el, exact, exposureAt, fullTime, isolated, length, limit, link, listAt, named, set, span, words } from "./text.js";

const WHY = {
  impossible_reading: "The person cannot have read all that was approved: there was less time than reading takes at 1,000 words a minute, faster than people read.",
  evidence_unopened: "Nothing tells that the person opened the case before deciding, and its source reports who opens a case.",
  unauthorized: "The person had no authority for this decision.",
  self_approval: "The person approved an own request.",
  templated_rationale: "The same reasons were given again and again.",
};
const QUALITY = {
  meaningful: "A meaningful review: nothing shows that it was none.",
  hollow: "Hollow: there is a sign that it was not a review.",
  unassessed: "Unassessed: nothing tells whether it was a review.",
};
const STATES = { open: "open: nobody has decided", contained: "contained, but nobody has decided", reviewed: "decided, but not contained", closed: "closed", withdrawn: "withdrawn by its source" };
/** Alerts that follow each other while nobody decides, the strongest last. */
const STEPS = ["ReviewDueSoon", "ReviewOverdue", "AttackerLikelyPresent"];
const asked = named();
const main = document.getElementById("main");
let ticking = () => {};

function headline(record, window, others, list, start, now) {
  const head = el("header", "about"), title = el("h1");
  title.append(isolated(window.known_as ?? record.credential_id));
  const line = el("p", "lead"), level = el("span", `sev ${record.severity ?? ""}`, record.severity ? `${record.severity} severity` : "no severity stated");
  line.append(level, ` · ${words(record.workflow)} · `, el("b", "", STATES[record.state] ?? record.state));
  head.append(title, line);
  if (others.length) {
    const also = el("p", "small", "Also known as ");
    others.forEach((name, at) => also.append(at ? ", " : "", isolated(name)));
    head.append(also);
  }
  // The server's rule says whether an attack is answered, as on the board and in the pages.
  if (list.some((one) => one.alert === "AttackObserved" && one.phase === "firing")) {
    const alarm = el("p", "alarm", `‼ An attacker was seen to use this credential at ${fullTime(record.abused_at)}, and nobody has contained or dismissed it.`);
    head.append(alarm);
  }
  const wait = el("p", "figure"), strong = el("strong"), note = el("span");
  wait.append(strong, note);
  head.append(wait);
  ticking = (at) => {
    const waits = window.waiting_ms !== null && !record.decided_at;
    const age = record.durations_ms.time_to_review ?? at - start;
    set(strong, record.decided_at ? length(age) : waits ? span(age) : "–");
    set(note, record.decided_at ? ` from ${!record.raced ? "the beginning" : record.exposed_at ? "the exposure" : "the detection"} to the decision;${sinceFound(record) ? " it was exposed earlier, and nobody knows when;" : ""} the target is ${limit(record.in_time_ms)}` : waits ? ` since it ${!record.raced ? "began" : record.exposed_at ? "was exposed" : "was found; it was exposed earlier, and nobody knows when"}${record.contained_at ? `; it was contained ${fullTime(record.contained_at)}, and nobody has decided` : ""}. A decision is due within ${limit(record.in_time_ms)}, and late from ${limit(record.late_ms)} on.` : "");
  };
  ticking(now);
  return head;
}

function where(record) {
  const place = /^https:\/\//.test(record.location ?? "") ? link(record.location, record.location) : record.location;
  if (place instanceof HTMLAnchorElement) place.rel = "noreferrer noopener";
  return section("What leaked, and where", facts([
    ["Credential", record.credential_id],
    ["Place", place], ["Owner", record.owner === null ? "not stated" : link(listAt("owner", record.owner), record.owner)], ["Found by", record.source],
    ["Found", `${fullTime(record.detected_at)}${record.detections > 1 ? `, and ${record.detections - 1} more times` : ""}`],
    ["Exposed", record.exposed_at ? `${fullTime(record.exposed_at)}${record.exposed_at_quality ? ` (${words(record.exposed_at_quality)})` : ""}` : record.raced ? "unknown" : null],
    ["Incident", record.incident === null ? null : link(listAt("q", record.incident.slice(0, 200)), record.incident)], ["Seen again after it was closed", record.resightings > 0 ? record.resightings : null],
  ]));
}

function advice(record) {
  if (!record.presented_at) {
    const unheard = record.decided_at ? "The AI said something, but no advice that the person is known to have had: it came after the decision, it stood in for a model that failed, or there was so much of it that the server no longer knows which advice stood last." : "What came from the AI stood in for a model that failed: it is no advice.";
    return section("What the AI said", el("p", "", record.triaged_at ? unheard : "The AI has given no advice."));
  }
  return section("What the AI said", facts([
    ["Advice", words(record.recommendation)], ["Its own confidence", record.confidence === null ? null : `${Math.round(100 * record.confidence)} %`],
    ["Model", record.model], ["Reported by", record.advice_source], ["Readable since", fullTime(record.presented_at)],
    ["Length", record.summary_words !== null ? `${record.summary_words} words` : record.summary_chars !== null ? `${record.summary_chars} characters` : "unknown"],
    ["Severity as known then", record.advised_severity],
  ]), record.ai_acted_first ? el("p", "bad", "The AI acted before any person had decided.") : null);
}

/** Whether the wait is measured from the detection, and the exposure may be older. */
const sinceFound = (record) => record.raced && record.clock === "detected";

function soon(record, took) {
  if (took >= record.late_ms) return "late";
  if (took >= record.in_time_ms) return "overdue";
  return sinceFound(record) ? "in time after it was found; when it was exposed is not known" : "in time";
}

/** Whether anything is known of the time that the person had: in a comparison null would be 0. */
const timed = (reading) => typeof reading?.attention_ms === "number";

/** The time that the person had. Without a look it is no reading time. */
function timeToRead(record, reading) {
  if (!timed(reading)) return [];
  const usual = `${length(reading.attention_ms)}; most people need ${length(reading.usual_ms ?? 0)} to read the advice`;
  return [[record.opened_at ? "Time to read" : "From the advice to the decision", usual]];
}

/** That a short time proves nothing by itself. */
function shortTime(record, reading) {
  const short = timed(reading) && reading.attention_ms < reading.usual_ms;
  if (!short || record.hollow?.includes("impossible_reading")) return null;
  const proves = { unassessed: "does not tell either", hollow: "is none of the reasons" }[record.quality] ?? "does not make it hollow";
  return el("p", "small", `This took less time than most people need. That alone ${proves}: people read at different speeds, and the clocks of two sources differ.`);
}

/** What was looked at before the decision. */
function looked(record) {
  if (record.evidence) return record.evidence === "raw" ? "the raw evidence" : "the AI's summary";
  if (record.opened_at) return "the case";
  return record.hollow?.includes("evidence_unopened") ? "nothing: the source reports who opens a case, and reported nobody" : "not known";
}

function decision(record, reading) {
  if (!record.decided_at) {
    const text = record.withdrawn_at ? `Nobody: the source closed the case${record.withdrawn_reason ? ` (${record.withdrawn_reason})` : ""}.` : "Nobody has decided.";
    return section("Who decided", el("p", "", text), record.escalated_at ? el("p", "", `Escalated ${fullTime(record.escalated_at)} by ${record.escalated_by ?? "somebody"}.`) : null);
  }
  const took = record.durations_ms.time_to_review;
  const parts = [facts([
    ["Decided by", record.reviewer], ["Decision", words(record.action)], ["Answer to the AI", words(record.verdict)],
    ["When", fullTime(record.decided_at)],
    ["Time to review", took === null ? "unknown: clocks contradict each other" : `${length(took)}${sinceFound(record) ? " or more" : ""}, target ${limit(record.in_time_ms)} (${soon(record, took)})`],
    ["After it was found", record.exposed_at ? length(Date.parse(record.decided_at) - Date.parse(record.detected_at)) : null],
    ["Looked at", looked(record)],
    ["Items opened", record.items === null ? null : `${record.items_opened ?? "unknown"} of ${record.items}`],
    ...timeToRead(record, reading),
    ["Reasons given", record.rationale_words === null ? null : `${record.rationale_words} words`],
    ["Later decisions", record.further_decisions > 0 ? `${record.further_decisions}; the last one: ${words(record.final_action)}` : null],
  ])];
  const verdict = el("p", `verdict ${record.effective === true ? "effective" : record.quality ?? ""}`, record.effective === true ? "An effective review: meaningful, and in time." : QUALITY[record.quality] ?? "Not judged yet. A decision is judged about ten minutes after it was made.");
  parts.push(verdict, shortTime(record, reading));
  if (record.hollow?.length) {
    const list = el("ul", "why");
    for (const reason of record.hollow) list.append(el("li", "", WHY[reason] ?? words(reason)));
    parts.push(list);
  }
  if (record.truth) parts.push(el("p", "", `It turned out that ${words(record.truth.correct_action)} was right${record.truth.seeded ? "; the AI's advice was wrong on purpose, as a test" : ""}.`));
  const found = reading?.certificate;
  if (found) {
    parts.push(el("h3", "", "The certificate"), el("p", "", `From ${fullTime(found.from)} to ${fullTime(found.to)} there were ${exact(found.available_ms)}, differences between clocks included, to read what takes ${exact(found.needed_ms - found.unread_ms)} at 1,000 words a minute.`),
      table("Cases approved in the interval", ["Case", "Readable since", "Decided", "Reading takes at least"], found.cases.map((one) => [link(exposureAt(one.exposure_id), one.known_as), one.released_at ? fullTime(one.released_at) : "–", fullTime(one.decided_at), exact(one.floor_ms)])));
  }
  return section("Who decided, and was it a review?", ...parts);
}

function alerts(list, name, labels, record) {
  if (list.length === 0) return section("Alerts", el("p", "", record.final ? "None. Nothing can change this window any more, so it has no alerts." : "None."));
  const lines = list.map((one) => [NAMES[one.alert] ?? one.alert, one.urgency, one.phase === "pending" ? `due ${fullTime(one.from)}` : `since ${fullTime(one.from)}`, one.phase === "firing" ? "firing" : one.until ? `until ${fullTime(one.until)}` : one.phase, link(one.runbook, "what to do")]);
  const several = list.filter((one) => STEPS.includes(one.alert) && one.phase === "firing").length > 1;
  const sent = several ? el("p", "small", `Of ${STEPS.map((step) => NAMES[step]).join(", ")} the board counts the strongest. Alertmanager sends the strongest only, if it has the inhibition rules that come with shutterlag.`) : null;
  return section("Alerts", table("Alerts", ["Alert", "Urgency", "Began", "State", "Runbook"], lines), sent, mute(name, labels, record));
}

/** A name as it may stand in a command that somebody copies: no letter of it means anything to a shell. */
const harmless = (name) => name.replace(/[^A-Za-z0-9 ._:/#@+=,-]/g, "_").slice(0, 96);

function mute(name, labels, record) {
  const made = el("details"), code = el("pre", "wraps", `amtool silence add credential="${labels.credential}" workflow="${record.workflow}" --duration=1h --comment="${harmless(name)}: who, and why"`);
  code.tabIndex = 0;
  const copy = el("button", "", "Copy the command");
  copy.type = "button";
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      set(copy, "Copied");
    } catch {
      // Without HTTPS a page may not write to the clipboard.
      getSelection().selectAllChildren(code);
      set(copy, "Selected: copy it with the keyboard");
    }
  });
  const which = el("p", "small", "In Alertmanager the credential ");
  which.append(isolated(name), " is called ", el("code", "", labels.credential), ": labels of alerts have no names of sources. The command mutes this credential in this workflow and nothing else. If amtool does not know your Alertmanager, add --alertmanager.url= and its address. Without amtool: in Alertmanager's own pages, make a silence with the two labels that the command names.");
  made.append(el("summary", "", "The command that mutes the alerts about this credential for an hour"), code, copy, which);
  return made;
}

function timeline(record, start) {
  const steps = [
    ["Exposed", record.exposed_at], ["Detected", record.detected_at], ["The AI's first output", record.triaged_at],
    ["The advice was readable", record.first_presented_at], ["First look by the deciding person", record.first_opened_at],
    ["Last look before the decision", record.opened_at !== record.first_opened_at ? record.opened_at : null],
    [`Escalated${record.escalated_by ? ` by ${record.escalated_by}` : ""}`, record.escalated_at],
    [`Decided: ${words(record.action)}${record.reviewer ? ` by ${record.reviewer}` : ""}`, record.decided_at],
    ["Contained", record.contained_at], ["Used by an attacker", record.abused_at], ["Withdrawn by the source", record.withdrawn_at],
    ["The right action became known", record.truth?.established_at],
    [record.decided_at ? null : "A decision is due", record.decided_at || record.withdrawn_at ? null : new Date(start + record.in_time_ms).toISOString()],
  ].filter(([name, at]) => name && at).sort((a, b) => Date.parse(a[1]) - Date.parse(b[1]));
  const list = el("ol", "timeline");
  let before = start;
  for (const [name, at] of steps) {
    const item = el("li", name.startsWith("Used") ? "bad" : ""), time = el("time", "", fullTime(at)), what = isolated(name), since = Date.parse(at) - start;
    time.dateTime = at;
    item.append(time, what, el("span", "small", since === 0 ? "the start" : `${since < 0 ? "−" : "+"}${exact(Math.abs(since))}${Date.parse(at) > before && before > start ? `, ${exact(Date.parse(at) - before)} after the step before` : ""}`));
    before = Date.parse(at);
    list.append(item);
  }
  return section("Timeline", list);
}

function everything(record, id) {
  const made = el("details"), raw = el("pre", "", JSON.stringify(record, null, 2));
  raw.tabIndex = 0;
  const api = el("p", "small");
  api.append("The same record from the ", link(`/api/v1/windows/${encodeURIComponent(id)}`, "API"), ".");
  made.append(el("summary", "", `The window's record in the ledger, revision ${record.revision}`), raw, api);
  return section("Record", made);
}

follow(`/api/v1/exposures/${encodeURIComponent(asked)}`, {
  show({ exposure_id, started_at, window, other_names: others, labels, alerts: list, reading }, now) {
    const { record } = window, start = Date.parse(started_at), kept = [...main.querySelectorAll("details")].map((details) => details.open);
    document.title = `${window.known_as ?? record.credential_id} – shutterlag`;
    const moved = exposure_id === asked ? null : el("p", "notice", "The address that you followed names a window that is now part of this one: its credential turned out to be the same, or to have leaked earlier.");
    if (moved) history.replaceState(null, "", exposureAt(exposure_id));
    // Two columns of their own: what is opened in one moves nothing in the other.
    const columns = el("div", "columns"), first = el("div"), second = el("div");
    first.append(where(record), advice(record), decision(record, reading));
    second.append(timeline(record, start), alerts(list, window.known_as ?? record.credential_id, labels, record), everything(record, exposure_id));
    columns.append(first, second);
    main.replaceChildren(...[moved ?? main.querySelector(".moved"), headline(record, window, others, list, start, now), columns].filter(Boolean));
    moved?.classList.add("moved");
    // What somebody has opened stays open.
    main.querySelectorAll("details").forEach((details, at) => { details.open = kept[at] ?? false; });
  },
  missing() {
    nothing("No such window here", "This server has no window of this name. Either there is none, or the server has not read it yet, or it was closed more than a day ago. The ledger keeps closed windows: ", el("code", "", "shutterlag report"), " and ", el("code", "", "shutterlag explain"), " read it.");
  },
  tick: (now) => ticking(now),
});
