// Signing in: a form that takes the token once, and a session cookie that scripts cannot read.
import { el } from "./text.js";

let asking = null;

/** Shows the form until the server accepts a token. */
export function signIn() {
  asking ??= new Promise((resolve) => {
    const form = el("form", "card notice"), label = el("label", "", "Token"), field = el("input");
    const send = el("button", "", "Sign in"), refused = el("p", "bad");
    form.id = "ask";
    form.setAttribute("aria-labelledby", "ask-title");
    const title = el("h2", "", "Sign in");
    title.id = "ask-title";
    Object.assign(field, { id: "token", type: "password", autocomplete: "off", spellcheck: false, required: true });
    label.htmlFor = "token";
    send.type = "submit";
    refused.id = "refused";
    refused.setAttribute("role", "alert");
    form.append(title, el("p", "", "This server needs its token. The token is sent once; the session that it opens ends an hour after its last use."), label, field, send, refused);
    const main = document.querySelector("main");
    main.before(form);
    main.hidden = true;
    field.focus();
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const token = field.value.trim();
      field.value = "";
      let answer = null;
      try {
        answer = await fetch("/api/v1/session", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token }), cache: "no-store" });
      } catch { /* The server cannot be reached. */ }
      if (answer?.ok) {
        form.remove();
        main.hidden = false;
        asking = null;
        resolve();
        return;
      }
      refused.textContent = answer?.status === 401 ? "The server did not accept this token." : "The server did not answer. Try again.";
      field.focus();
    });
  });
  return asking;
}

/** Asks the server; whoever is not signed in is asked to sign in first. */
export async function ask(path, options = {}) {
  for (;;) {
    const answer = await fetch(path, { cache: "no-store", ...options });
    if (answer.status !== 401) return answer;
    await signIn();
  }
}

/** Shows a button that ends the session, where people have to sign in, and `badge` where all is made up. */
export async function signOutButton(button, badge) {
  try {
    const { needed, simulated } = await (await fetch("/api/v1/session", { cache: "no-store" })).json();
    button.hidden = !needed;
    if (badge) badge.hidden = !simulated;
  } catch {
    button.hidden = true;
  }
  button.addEventListener("click", async () => {
    await fetch("/api/v1/session", { method: "DELETE" });
    location.reload();
  });
}
