// What every screen is made of: Preact and htm, stores that are shared, and a few parts.
// Elements are made by the library, never written as markup: a word of a user or a broker cannot become one.

import { createContext, Fragment, h, render } from "./vendor/preact.js";
import { useContext, useEffect, useMemo, useRef, useState } from "./vendor/hooks.js";
import htm from "./vendor/htm.js";
import { problemWords, wordsOfField } from "./problems.js";

export { createContext, Fragment, render, useContext, useEffect, useMemo, useRef, useState };

/** @type {(strings: TemplateStringsArray, ...values: any[]) => any} */
export const html = htm.bind(h);

/**
 * A value that several parts show. `set` tells all who look.
 * @template T
 * @param {T} first
 */
export function store(first) {
  let value = first;
  const told = new Set();
  return {
    get: () => value,
    /** @param {T} next */
    set(next) {
      value = next;
      for (const tell of told) tell(next);
    },
    /** @param {(value: T) => void} tell */
    subscribe(tell) {
      told.add(tell);
      return () => void told.delete(tell);
    },
  };
}

/**
 * Return a store's value, and draw again when it changes.
 * @template T
 * @param {{get: () => T, subscribe: (tell: (value: T) => void) => () => void}} one
 * @returns {T}
 */
export function useStore(one) {
  const [value, set] = useState(one.get);
  useEffect(() => {
    set(() => one.get());
    return one.subscribe((next) => set(() => next));
  }, [one]);
  return value;
}

/** Draw again every second while somebody looks: what counts down, does. */
export function useSeconds() {
  const [, set] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => { if (!document.hidden) set((count) => count + 1); }, 1000);
    return () => clearInterval(timer);
  }, []);
}

const AGAIN_EVERY = 5000;

/**
 * Read something from the server; after a failure that may pass it is read again by itself.
 * @template T
 * @param {() => Promise<T>} read
 * @param {any[]} over read anew when one of these changes
 * @returns {{data: T | null, problem: any, again: () => void}}
 */
export function useRead(read, over = []) {
  const [state, set] = useState(/** @type {{data: any, problem: any}} */ ({ data: null, problem: null }));
  const [turn, next] = useState(0);
  const again = () => next((count) => count + 1);
  useEffect(() => {
    let alive = true;
    let timer = 0;
    const retry = () => alive && again();
    read().then(
      (data) => alive && set({ data, problem: null }),
      (problem) => {
        if (!alive) return;
        set(({ data }) => ({ data, problem }));
        if (problem.status && problem.status < 500) return;
        timer = setTimeout(retry, AGAIN_EVERY);
        window.addEventListener("online", retry, { once: true });
      },
    );
    return () => { alive = false; clearTimeout(timer); window.removeEventListener("online", retry); };
  }, [...over, turn]);
  return { ...state, again };
}

/** What stands where something is not read yet, or could not be. */
export function Unread({ of: { problem, again } }) {
  if (!problem) return html`<p aria-busy="true" class="quiet">Loading …</p>`;
  return html`<article class="notice warn" role="alert">
    <p>${problem.status === 404 ? "It is not there any more." : problemWords(problem)}</p>
    <button class="secondary" onClick=${again}>Try again</button>
  </article>`;
}

/** A part of a screen that is opened by a tap; its title is one among the others. */
export function Folded({ title, open = false, children }) {
  return html`<details class="part" open=${open}><summary><h2>${title}</h2></summary>${children}</details>`;
}

/** A screen's title, which has the focus when the screen is new. */
export function Title({ children }) {
  const at = useRef(/** @type {any} */ (null));
  useEffect(() => {
    at.current?.focus({ preventScroll: true });
    document.title = `${at.current?.textContent} – Stopwatch`;
  }, []);
  return html`<h1 tabindex="-1" ref=${at}>${children}</h1>`;
}

/** @type {ReturnType<typeof store<{text: string, kind: string, stays: boolean}>>} */
export const told = store({ text: "", kind: "", stays: false });

/** Show a sentence on top; read aloud by screen readers. One that `stays` outlives the way to the next screen. */
export function tell(text, kind = "", stays = false) {
  told.set({ text, kind, stays });
}

/** Say what was refused, in the app's words. */
const tellProblem = (problem) => tell(problemWords(problem), "warn");

/** The question that is open. */
export const asked = store(/** @type {{title: string, body: string[], choices: [string, string, string?][], resolve: (chosen: string | null) => void} | null} */ (null));

/**
 * Ask one question; return the value of the chosen button, null when it was closed.
 * @param {string} title
 * @param {string | string[]} body
 * @param {[string, string, string?][]} choices value, words and look of each button
 * @returns {Promise<string | null>}
 */
export const ask = (title, body, choices) =>
  new Promise((resolve) => asked.set({ title, body: [body].flat(), choices, resolve }));

/** For so long a question takes no answer: the second tap of a double one was meant for what was there before. */
const UNANSWERED_MS = 500;

/** The one question that is open. */
export function Question() {
  const open = /** @type {any} */ (useStore(asked));
  const dialog = useRef(/** @type {any} */ (null));
  const heading = useRef(/** @type {any} */ (null));
  const from = useRef(/** @type {any} */ (null));
  const since = useRef(0);
  useEffect(() => {
    if (!open || dialog.current.open) return;
    from.current = document.activeElement;
    since.current = performance.now();
    dialog.current.showModal();
    heading.current.focus(); // no choice has the focus: a key that repeats confirms nothing
  }, [open]);
  if (!open) return null;
  const early = (event) => {
    if (performance.now() - since.current >= UNANSWERED_MS) return;
    event.preventDefault();
    heading.current.focus(); // the tap has moved the focus to a choice
  };
  const closed = () => {
    asked.set(null);
    from.current?.focus?.();
    open.resolve(dialog.current.returnValue || null);
  };
  return html`<dialog ref=${dialog} onClose=${closed} aria-labelledby="ask-title">
    <article>
      <h2 id="ask-title" tabindex="-1" ref=${heading}>${open.title}</h2>
      ${open.body.map((line) => html`<p key=${line}>${line}</p>`)}
      <form method="dialog" class="choices" onSubmit=${early}>
        ${open.choices.map(([value, words, look]) => html`<button key=${value} value=${value} class=${look ?? ""}>${words}</button>`)}
        <button value="" class="secondary outline">Back</button>
      </form>
    </article>
  </dialog>`;
}

/** A button that waits for what it does, and says what was refused. */
export function Act({ does, children, ...rest }) {
  const [busy, set] = useState(false);
  const act = async () => {
    if (busy) return;
    set(true);
    try {
      await does();
    } catch (problem) {
      tellProblem(problem);
    } finally {
      set(false);
    }
  };
  return html`<button type="button" ...${rest} aria-disabled=${busy ? "true" : null} onClick=${act}>${children}</button>`;
}

const Wrong = createContext(/** @type {Record<string, string>} */ ({}));

/**
 * A labelled input or choice; `hint` is a sentence under its label. What is wrong with it is said below.
 * A child that is a function draws an input of its own from the attributes that this one would have.
 * @param {any} properties
 */
export function Field({ name, label, hint = "", options = null, children = null, ...rest }) {
  const wrong = useContext(Wrong)[name];
  const id = rest.id ?? name;
  const common = { ...rest, id, name, "aria-describedby": `${id}-hint ${id}-wrong`, ...(wrong ? { "aria-invalid": "true" } : {}) };
  const input = options
    ? html`<select ...${common}>${options.map(([value, text]) => html`<option key=${value} value=${value} selected=${rest.value === value}>${text}</option>`)}</select>`
    : html`<input ...${common} />`;
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <small class="hint" id=${`${id}-hint`}>${hint}</small>
    ${typeof children === "function" ? children(common) : input}
    <small class="wrong" id=${`${id}-wrong`}>${wrong ?? ""}</small>
  </div>`;
}

/** A form that calls `send` with its values; a refusal is said at the fields it names, or on top. */
export function Form({ submit, send, children, look = "", busyWords = "" }) {
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState({});
  const form = useRef(/** @type {any} */ (null));
  useEffect(() => {
    const first = form.current.querySelector("[aria-invalid=true]");
    const folded = first?.closest("details");
    if (folded) folded.open = true;
    first?.focus();
  }, [wrong]);
  const sent = async (event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setWrong({});
    tell("");
    try {
      await send(Object.fromEntries([...new FormData(form.current)].map(([name, value]) => [name, String(value).trim()])));
    } catch (problem) {
      const said = saidAtFields(form.current, problem.errors ?? []);
      if (Object.keys(said).length) setWrong(said);
      else tellProblem(problem);
    } finally {
      setBusy(false);
    }
  };
  return html`<form ref=${form} onSubmit=${sent} novalidate class="fields"><${Wrong.Provider} value=${wrong}>
    ${children}
    <button type="submit" class=${look} aria-disabled=${busy ? "true" : null}>${busy && busyWords ? busyWords : submit}</button>
  <//></form>`;
}

/** Return what is wrong by the form's own fields: an error in `entry.price` is one of `entry_price`, or of `entry`. */
function saidAtFields(form, errors) {
  const names = new Set([...form.elements].map((input) => input.name).filter(Boolean));
  const said = {};
  for (const error of errors) {
    const parts = error.field.split(".");
    const name = [error.field, parts.slice(0, 2).join("_"), parts[1], parts[0]].find((one) => one && names.has(one));
    if (name && !said[name]) said[name] = wordsOfField(error, form.elements[name].labels?.[0]?.firstChild?.textContent);
  }
  return said;
}
