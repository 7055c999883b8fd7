// What the pages about one thing share: they ask for it again and again, and show what changed.
import { ask, signOutButton } from "./session.js";
import { help } from "./help.js";
import { leavesForList, typing } from "./keys.js";
import { boardAt, catchingUp, clockTime, el, isolated, set, zoneSwitch } from "./text.js";

const EVERY_MS = 5_000;

/** Asks for `path` every few seconds; calls `show(data)` when the answer changed, `missing(message)` when there is none. */
export function follow(path, { show, missing, tick }) {
  const link = document.getElementById("link"), clock = document.getElementById("clock");
  let last = "", offset = 0, asks = false;
  const now = () => Date.now() + offset;
  const state = (word, text) => { set(link, text); link.className = `link ${word}`; };

  /** Asks; nothing where the connection is lost. */
  async function answered() {
    try {
      const answer = await ask(path);
      return [answer.status, await answer.json()];
    } catch {
      return [];
    }
  }

  async function load() {
    // A slow answer, or somebody who has not signed in yet, must not gather a queue of questions.
    if (asks) return;
    asks = true;
    const [status, data] = await answered();
    asks = false;
    if (status === 404) {
      last = "";
      state("off", "Not found");
      missing(data.error?.message ?? "The server knows nothing of this name");
    } else if (status !== 200) {
      // What is shown stays: a server that is busy or away says nothing about it.
      state("off", status ? "No answer, trying again" : "Connection lost, trying again");
    } else {
      offset = Date.parse(data.as_of) - Date.now();
      // Just started, the server has not read the ledger to its end.
      const behind = catchingUp(data.catching_up);
      state(behind ? "catches" : "on", behind ?? "Live");
      set(clock, clockTime(data.as_of));
      const { as_of, view, catching_up, ...rest } = data, text = JSON.stringify(rest, (key, value) => (key === "waiting_ms" || key === "attacker_first" ? undefined : value));
      if (text !== last) { last = text; show(data, now()); }
      tick?.(now());
    }
  }

  waysBack();
  zoneSwitch(document.getElementById("zone"));
  signOutButton(document.getElementById("sign-out"), document.getElementById("demo"));
  load();
  setInterval(() => { if (!document.hidden) load(); }, EVERY_MS);
}

/** The links to the board, and Escape, lead to its list as it was asked for. */
function waysBack() {
  const back = document.getElementById("back"), home = document.querySelector(".home a");
  back.href = home.href = boardAt();
  back.addEventListener("click", leavesForList);
  const shortcuts = help([["Esc", "back to the list"]]);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !shortcuts.open && !event.ctrlKey && !event.metaKey && !event.altKey && !typing(document.activeElement)) back.click();
  });
}

/** A section with a heading. */
export function section(title, ...content) {
  const made = el("section", "card"), head = el("h2", "", title);
  made.append(head, ...content.filter(Boolean));
  return made;
}

/** Names and values; those without a value are left out. */
export function facts(list) {
  const made = el("dl", "facts");
  for (const [name, value] of list) {
    if (value === null || value === undefined || value === "") continue;
    const box = el("div"), fact = el("dd");
    fact.append(value instanceof Node ? value : isolated(String(value)));
    box.append(el("dt", "", name), fact);
    made.append(box);
  }
  return made;
}

/** A table whose cells are texts or nodes. */
export function table(label, titles, lines) {
  const scroll = el("div", "scroll"), made = el("table"), head = el("thead"), row = el("tr"), body = el("tbody");
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", label);
  for (const title of titles) { const cell = el("th", "", title); cell.scope = "col"; row.append(cell); }
  head.append(row);
  for (const line of lines) {
    const made_row = el("tr");
    line.forEach((value, at) => {
      const cell = el("td");
      // On a phone each line is a card, and each cell has its own title.
      cell.dataset.title = titles[at];
      cell.append(value instanceof Node ? value : isolated(String(value)));
      made_row.append(cell);
    });
    body.append(made_row);
  }
  made.append(head, body);
  scroll.append(made);
  return scroll;
}

/** What to show where there is nothing; the message is texts and nodes. */
export function nothing(title, ...message) {
  const way = el("p"), board = el("a", "", "To the board"), why = el("p");
  board.href = boardAt();
  way.append(board);
  why.append(...message);
  document.getElementById("main").replaceChildren(el("h1", "", title), why, way);
}
