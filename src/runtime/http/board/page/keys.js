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

export function keys({ search, list, help, clear }) {
  const links = () => [...list.querySelectorAll("li:not(.gone) a")];
  // The row that was selected last. Rows are made anew, so its address is kept.
  let last = null;
  list.addEventListener("focusin", ({ target }) => { last = target.closest("a")?.pathname ?? last; });

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
    const cleared = clear();
    if (!back() && !cleared) at?.blur();
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
