// The keyboard: / searches, j and k walk through the rows, Enter opens, Escape clears.

export const typing = (node) => node instanceof HTMLElement && (node.isContentEditable || ["INPUT", "SELECT", "TEXTAREA"].includes(node.tagName));

export function keys({ search, list, help, clear }) {
  const links = () => [...list.querySelectorAll("li:not(.gone) a")];

  function walk(by) {
    const all = links();
    if (all.length === 0) return;
    const at = all.indexOf(document.activeElement);
    const next = all[Math.min(Math.max(at < 0 ? 0 : at + by, 0), all.length - 1)];
    next.focus({ preventScroll: true });
    next.closest("li").scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // In a list of choices and in the help the browser has a use for it of its own.
    if (event.key === "Escape" && !help.open && document.activeElement?.tagName !== "SELECT") { if (!clear()) document.activeElement?.blur(); return; }
    if (typing(document.activeElement) || help.open) return;
    const act = { "/": () => { search.focus(); search.select(); }, j: () => walk(1), k: () => walk(-1) }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
