// The help of the keyboard: ? and a button show the keys that work on a page.
import { typing } from "./keys.js";
import { el } from "./text.js";

/** Adds the help of a page to it, with these keys and what each does: `[["j k", "next and previous window"]]`. */
export function help(keys) {
  const dialog = el("dialog", "card"), title = el("h2", "", "Keyboard"), table = el("table"), body = el("tbody"), close = el("button", "", "Close");
  dialog.id = "help";
  title.id = "help-title";
  close.type = "button";
  dialog.setAttribute("aria-labelledby", title.id);
  for (const [names, does] of [...keys, ["?", "this help"]]) {
    const row = el("tr"), head = el("th");
    head.scope = "row";
    names.split(" ").forEach((name, at) => head.append(at ? " " : "", el("kbd", "", name)));
    row.append(head, el("td", "", does));
    body.append(row);
  }
  table.append(body);
  dialog.append(title, table, close);
  document.body.append(dialog);
  close.addEventListener("click", () => dialog.close());
  document.getElementById("keys").addEventListener("click", () => dialog.showModal());
  document.addEventListener("keydown", (event) => {
    if (event.key !== "?" || event.ctrlKey || event.metaKey || event.altKey || dialog.open || typing(document.activeElement)) return;
    event.preventDefault();
    dialog.showModal();
  });
  return dialog;
}
