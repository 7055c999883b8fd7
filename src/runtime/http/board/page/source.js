// The stream of frames: connects, asks to sign in, reconnects.
// Reads the response itself, since an EventSource does not show the status of an answer.
import { signIn } from "./session.js";

const PATIENCE_MS = 12_000, LEAVES_AFTER_MS = 30_000;

/** Follows the board; calls `take(name, data)` and `state(word)`. */
export function follow({ take, state }) {
  let ending = null, pause = 1_000, timer = 0, silence = 0, leaving = 0;

  async function run() {
    clearTimeout(timer);
    timer = 0;
    const own = new AbortController();
    ending?.abort();
    ending = own;
    try {
      const answer = await fetch("/api/v1/board", { cache: "no-store", signal: own.signal });
      if (answer.status === 401) {
        state("asks");
        await signIn();
        return run();
      }
      if (!answer.ok) throw new Error(String(answer.status));
      pause = 1_000;
      await read(answer.body.getReader(), own);
      again(200);
    } catch {
      if (ending === own) again(pause);
      pause = Math.min(pause * 2, 15_000);
    }
  }

  async function read(reader, own) {
    const decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      clearTimeout(silence);
      silence = setTimeout(() => own.abort(), PATIENCE_MS);
      const { done, value } = await reader.read();
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      for (let end; (end = rest.indexOf("\n\n")) >= 0; rest = rest.slice(end + 2)) {
        const cut = rest.indexOf("\n");
        take(rest.slice(7, cut), JSON.parse(rest.slice(cut + 7, end)));
      }
      state("on");
    }
  }

  function again(after) {
    state("off");
    clearTimeout(timer);
    timer = setTimeout(run, after);
  }

  // A hidden board disconnects, so that it costs nothing.
  document.addEventListener("visibilitychange", () => {
    clearTimeout(leaving);
    if (document.hidden) {
      leaving = setTimeout(() => { clearTimeout(timer); ending?.abort(); ending = null; }, LEAVES_AFTER_MS);
    } else if (ending === null || timer !== 0) {
      run();
    }
  });
  addEventListener("pageshow", (event) => { if (event.persisted) run(); });
  run();
}
