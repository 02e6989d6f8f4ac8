// The REST API as its every other client sees it: JSON, a bearer token, problems in sentences.

const KEPT = "stopwatch:login";
let access = null; // kept in memory only; the refresh token outlives the page, so that an installed app opens

/** What the API, or the way to it, refused; `message` is a sentence for a person. */
export class Problem extends Error {
  constructor(message, { status = 0, code = "offline", errors = [] } = {}) {
    super(message);
    Object.assign(this, { status, code, errors });
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

/** Call the API; return its answer, null where it has none. Throws `Problem`. */
export async function call(method, path, body, { anonymous = false, key = null } = {}) {
  if (!anonymous && access === null) await renew();
  let answer = await send(method, path, body, anonymous ? null : access, key);
  if (answer.status === 401 && !anonymous) {
    await renew();
    answer = await send(method, path, body, access, key);
  }
  return read(answer);
}

export const get = (path) => call("GET", path);
export const post = (path, body) => call("POST", path, body);

/** A word for an Idempotency-Key. `crypto.randomUUID` is not to be had over plain HTTP. */
export const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Follow a stream of events until `signal` ends it; `heard` gets each event's data and name once. */
export async function follow(path, signal, heard) {
  let last = null;
  while (!signal.aborted) {
    try {
      last = await readEvents(path, signal, last, heard);
    } catch (problem) {
      if (problem.status === 404) return;
    }
    await pause(1000, signal);
  }
}

export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}

async function send(method, path, body, token = access, key = null) {
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
  if (answer.status === 401) access = null;
  if (!answer.ok) throw new Problem("The live timeline cannot be read.", { status: answer.status });
  const lines = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  try {
    for (;;) {
      const { done, value } = await lines.read();
      if (done) return last;
      const blocks = (waiting + value.replaceAll("\r", "")).split("\n\n");
      waiting = blocks.pop();
      for (const block of blocks) {
        const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: ?(.*)/s)));
        if (!fields.data) continue;
        if (fields.id) last = fields.id;
        heard(JSON.parse(fields.data), fields.event);
      }
    }
  } catch {
    return last;
  }
}
