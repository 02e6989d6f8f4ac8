// The REST API as its every other client sees it: JSON, a bearer token, problems in sentences.

const KEPT = "stopwatch:login";
/** A stream pings every 15 s: one that says nothing for so long is a connection that is gone. */
const SILENCE = 40_000;
let access = null; // kept in memory only; the refresh token outlives the page, so that an installed app opens

/** What the API, or the way to it, refused; `message` is a sentence for a person. */
export class Problem extends Error {
  /** @param {string} message @param {{status?: number, code?: string, errors?: {field: string, code: string, message: string}[]}} [known] */
  constructor(message, { status = 0, code = "offline", errors = [] } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.errors = errors;
  }
}

export const signedIn = () => localStorage.getItem(KEPT) !== null;

export function keep(tokens) {
  access = tokens.access_token;
  localStorage.setItem(KEPT, tokens.refresh_token);
}

export function forget() {
  access = null;
  localStorage.removeItem(KEPT);
}

export async function logOut() {
  try {
    if (signedIn()) {
      if (access === null) await renew();
      await call("POST", "/auth/logout", { refresh_token: localStorage.getItem(KEPT) });
    }
  } finally {
    forget();
  }
}

/**
 * Call the API; return its answer, null where it has none. Throws `Problem`.
 * @param {string} method
 * @param {string} path
 * @param {any} [body]
 * @param {{anonymous?: boolean, key?: string | null}} [how] `key`: of a call that may be sent again
 * @returns {Promise<any>}
 */
export async function call(method, path, body, { anonymous = false, key = null } = {}) {
  if (!anonymous && access === null) await renew();
  let answer = await send(method, path, body, anonymous ? null : access, key);
  if (answer.status === 401 && !anonymous) {
    await renew();
    answer = await send(method, path, body, access, key);
  }
  return read(answer);
}

/** @param {string} path */
export const get = (path) => call("GET", path);
/** @param {string} path @param {any} [body] */
export const post = (path, body) => call("POST", path, body);

/** Read all pages of a list. @param {string} path */
export async function getAll(path) {
  const items = [];
  let next = null;
  do {
    const page = await get(`${path}${path.includes("?") ? "&" : "?"}limit=200${next ? `&cursor=${encodeURIComponent(next)}` : ""}`);
    items.push(...page.items);
    next = page.next;
  } while (next);
  return items;
}

/** Save a file of the API, which needs the login, on this device. @param {string} path @param {string} name */
export async function download(path, name) {
  if (access === null) await renew();
  let answer = await send("GET", path, undefined, access);
  if (answer.status === 401) {
    await renew();
    answer = await send("GET", path, undefined, access);
  }
  if (!answer.ok) await read(answer);
  save(await answer.blob(), name);
}

/** Save a file on this device. @param {Blob} file @param {string} name */
export function save(file, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A word for an Idempotency-Key. `crypto.randomUUID` is not to be had over plain HTTP. */
export const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * Follow a stream of events until `signal` ends it; `heard` gets each event's data and name once.
 * @param {string} path
 * @param {AbortSignal} signal
 * @param {(data: any, name?: string) => void} heard
 */
export async function follow(path, signal, heard) {
  let last = null;
  while (!signal.aborted) {
    try {
      last = await readEvents(path, signal, last, heard);
    } catch (problem) {
      if (problem.status === 404 || !signedIn()) return;
      if (!problem.status && !signal.aborted) window.dispatchEvent(new Event("unreachable"));
    }
    await pause(1000, signal);
  }
}

/** @param {number} milliseconds @param {AbortSignal} [signal] @returns {Promise<void>} */
export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}

/** @param {string} method @param {string} path @param {any} body @param {string | null} token @param {string | null} [key] */
async function send(method, path, body, token = access, key = null) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (key) headers["Idempotency-Key"] = key;
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    window.dispatchEvent(new Event("reached"));
    return answer;
  } catch {
    window.dispatchEvent(new Event("unreachable"));
    throw new Problem("The server cannot be reached: try again when you are online.");
  }
}

async function read(answer) {
  const said = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (answer.ok) return said;
  if (answer.status === 401 && said?.code === "unauthorized") signedOut();
  throw new Problem(said?.detail ?? `The server answered ${answer.status}: try again in a moment.`, {
    status: answer.status, code: said?.code ?? "unknown", errors: said?.errors ?? [],
  });
}

// Without TLS a browser has no locks (a phone that tries a laptop's address): then one at a time in this page.
let renewed = Promise.resolve();
/** @param {() => Promise<void>} work */
const alone = (work) => (navigator.locks ? navigator.locks.request("stopwatch:renew", work) : (renewed = renewed.then(work, work)));

/** Renew the access token, one at a time over all tabs: a refresh token is good once. */
async function renew() {
  const before = access;
  await alone(async () => {
    if (access !== before) return; // another call of this page has done it meanwhile
    const refresh_token = localStorage.getItem(KEPT);
    if (!refresh_token) signedOut();
    const answer = await send("POST", "/auth/refresh", { refresh_token }, null);
    if (answer.status === 401) signedOut();
    keep(await read(answer));
  });
}

function signedOut() {
  forget();
  window.dispatchEvent(new Event("signed-out"));
  throw new Problem("You are signed out: log in again.", { status: 401, code: "unauthorized" });
}

async function readEvents(path, signal, last, heard) {
  if (access === null) await renew();
  const headers = { Authorization: `Bearer ${access}` };
  if (last !== null) headers["Last-Event-ID"] = last;
  const answer = await fetch(path, { headers, signal });
  window.dispatchEvent(new Event("reached"));
  if (answer.status === 401) access = null; // ended, with its stream: the next turn renews it
  if (!answer.ok) throw new Problem("The live timeline cannot be read.", { status: answer.status });
  if (!answer.body) return last;
  const lines = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  let silent = 0;
  try {
    for (;;) {
      silent = setTimeout(() => lines.cancel().catch(() => {}), SILENCE);
      const { done, value } = await lines.read();
      clearTimeout(silent);
      if (done) return last;
      const blocks = (waiting + value.replaceAll("\r", "")).split("\n\n");
      waiting = blocks.pop() ?? "";
      for (const block of blocks) {
        const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: ?(.*)/s)));
        if (!fields.data) continue;
        if (fields.id) last = fields.id;
        heard(JSON.parse(fields.data), fields.event);
      }
    }
  } catch {
    return last;
  } finally {
    clearTimeout(silent);
    lines.cancel().catch(() => {});
  }
}
