// The keyboard: / searches, j and k walk through the rows, Enter opens, Escape clears.

export const typing = (node) => node instanceof HTMLElement && (node.isContentEditable || ["INPUT", "SELECT", "TEXTAREA"].includes(node.tagName));

/** Whether the browser has no use of its own for Escape in a menu. One that cannot tell may have. */
function closed(menu) {
  try {
    return !menu.matches(":open");
  } catch {
    return false;
  }
}

const SELECTED = "shutterlag-selected", RETURNS = "shutterlag-returns";

/** What the tab keeps; nothing where the browser keeps nothing. */
function tab(act) {
  try {
    return act(sessionStorage);
  } catch {
    return null;
  }
}

/** Notes that the link which is followed leads back to the list. */
export const leavesForList = () => tab((kept) => kept.setItem(RETURNS, "yes"));

/** Whether somebody came back to the list from the page of a row: by its link, or by the browser's Back. */
function returns() {
  const noted = tab((kept) => kept.getItem(RETURNS));
  tab((kept) => kept.removeItem(RETURNS));
  return noted !== null || performance.getEntriesByType("navigation")[0]?.type === "back_forward";
}

export function keys({ search, list, help, clear }) {
  const links = () => [...list.querySelectorAll("li:not(.gone) a")];
  // The row that was selected last. Rows are made anew, so its address is kept, also for whoever comes back from its page.
  let last = tab((kept) => kept.getItem(SELECTED));
  const remember = (link) => {
    if (!link) return;
    last = link.pathname;
    tab((kept) => kept.setItem(SELECTED, last));
  };
  list.addEventListener("focusin", ({ target }) => remember(target.closest("a")));
  list.addEventListener("click", ({ target }) => remember(target.closest("li")?.querySelector("a")));

  function select(link) {
    link.focus({ preventScroll: true });
    link.closest("li").scrollIntoView({ block: "nearest" });
  }

  function walk(by) {
    const all = links();
    if (all.length === 0) return;
    const at = all.indexOf(document.activeElement);
    select(all[Math.min(Math.max(at < 0 ? 0 : at + by, 0), all.length - 1)]);
  }

  /** Goes back to the row that was selected last; false if the list has it no more. */
  function back() {
    const link = links().find(({ pathname }) => pathname === last);
    if (link) select(link);
    return link !== undefined;
  }

  function escape() {
    const at = document.activeElement;
    // From a menu it only leads back: what was chosen stays.
    if (at?.tagName === "SELECT") { if (closed(at)) back(); return; }
    clear();
    if (!back()) at?.blur();
  }

  if (returns()) {
    const rows = new MutationObserver(() => { if (links().length > 0) { rows.disconnect(); back(); } });
    rows.observe(list, { childList: true });
  }

  document.addEventListener("keydown", (event) => {
    // The help has keys of its own.
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (event.key === "Escape") { escape(); return; }
    if (typing(document.activeElement)) return;
    const act = { "/": () => { search.focus(); search.select(); }, j: () => walk(1), k: () => walk(-1) }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  // The browser leads back to where the help was asked for: with its button that was no row.
  help.addEventListener("close", () => { if ([document.body, document.getElementById("keys")].includes(document.activeElement)) back(); });
}
