// The broker account: connect it once, log in every morning by one tap, forget it.

import { book } from "./book.js";
import { call, get, post, Problem } from "./client.js";
import { problemWords } from "./problems.js";
import { Act, ask, Field, Form, html, tell, Title, useEffect, useRead, useState, useStore } from "./ui.js";
import { clock, dayWord, isoDay } from "./words.js";

/** Key and secret wait here while the first login is under way at Zerodha: in this tab, and no longer than that. */
const CONNECTING = "stopwatch:connecting";

/** Behind the address may be the token with which Zerodha's login page has come back. */
export function BrokerPage({ words: [token] }) {
  const { broker } = useStore(book);
  const connected = broker.status !== "none";
  return html`<${Title}>Broker<//>${connected ? html`<article><${BrokerCard} broker=${broker} /></article>` : token ? html`<${Back} token=${decodeURIComponent(token)} />` : html`<${Connect} />`}`;
}

const put = (broker) => book.set({ ...book.get(), broker });

async function connect(words) {
  put(await post("/broker/connect", words));
  tell(book.get().mode === "paper" ? "Your paper account is connected." : "Your Zerodha account is connected.", "", true);
  location.hash = "#/new";
}

const Keys = () => html`
  <${Field} name="api_key" label="API key" autocomplete="off" spellcheck="false" required />
  <${Field} name="api_secret" label="Secret key" type="password" autocomplete="off" required />`;

function Connect() {
  const send = async ({ access_token, ...keys }) => {
    const missing = ["api_key", "api_secret"].filter((field) => !keys[field]);
    if (missing.length) throw new Problem("Please correct what is marked.", { status: 422, code: "invalid", errors: missing.map((field) => ({ field, code: "missing", message: "is required" })) });
    if (access_token) return connect({ ...keys, access_token });
    const { url } = await get(`/broker/login-url?api_key=${encodeURIComponent(keys.api_key)}`);
    sessionStorage.setItem(CONNECTING, JSON.stringify(keys));
    location.assign(url);
  };
  return html`
    ${book.get().mode === "paper" ? html`<p class="notice">This server trades with paper money. Ask its operator for the API key and the secret of a paper account; nothing has to be made or paid for at Zerodha.</p>` : html`<ol class="steps">
      <li>At developers.kite.trade create an app with market data (Zerodha charges for it).</li>
      <li>As its redirect URL give <code>${`${location.origin}/broker/callback`}</code></li>
      <li>Copy its API key and secret here. Then Zerodha asks you to log in, as on every trading day from now on.</li>
    </ol>`}
    <p class="quiet">They are stored encrypted, and never shown again.</p>
    <${Form} submit="Connect" send=${send}>
      <${Keys} />
      <${Field} name="access_token" label="Access token" type="password" autocomplete="off" hint="Leave it empty: you log in on the next page. A token of today, where you have one, spares that." />
    <//>`;
}

/** Connect; a token works once, so a refusal may mean that the answer to the call before was lost. */
async function finish(kept, token) {
  if (!kept) return;
  try {
    await connect({ ...kept, request_token: token });
  } catch (problem) {
    const broker = await get("/broker");
    if (broker.status === "none") throw problem;
    put(broker);
  }
}

/** Finish the first connection with the token that came back; its keys are asked for where this tab has none. */
function Back({ token }) {
  const [kept] = useState(() => JSON.parse(sessionStorage.getItem(CONNECTING) ?? "null"));
  useEffect(() => sessionStorage.removeItem(CONNECTING), []);
  const done = useRead(() => finish(kept, token));
  if (kept && !done.problem) return html`<p>Connecting your account …</p>`;
  const send = (keys) => connect({ ...keys, request_token: token });
  return html`
    ${done.problem ? html`<p class="notice warn">${problemWords(done.problem)} <a href="#/broker">Begin again</a></p>` : html`<p>You are logged in at Zerodha. Type the keys of your app once more to finish.</p>`}
    <${Form} submit="Connect" send=${send}>
      <${Keys} />
    <//>`;
}

/** The morning login: Zerodha's page, which leads back here. */
export const logIn = async () => location.assign((await get("/broker/login-url")).url);

/** Whose account it is, until when the login lasts, and the way to log in again. */
export function BrokerCard({ broker }) {
  if (!broker || broker.status === "none") return html`<p>No account is connected: nothing can be bought.</p><a role="button" href="#/broker">Connect your broker</a>`;
  const alive = broker.status === "connected";
  const ends = broker.token_expires_at;
  const until = alive && ends ? `The login lasts until ${clock(ends)} ${dayWord(isoDay(ends))}.`
    : "Zerodha ends every login at 06:00. Nothing is bought, and no sale is sent, before you log in again.";
  const token = async (words) => {
    put(await post("/broker/connect", words));
    tell("Logged in at Zerodha.");
  };
  return html`
    <div class="row"><strong>${broker.user_name ?? "Zerodha"}</strong><span class=${`chip ${alive ? "good" : "bad"}`}>${alive ? "Logged in" : "Login needed"}</span></div>
    <p class="quiet">Account ${broker.broker_user_id}. ${until}</p>
    <${Act} class=${alive ? "outline" : ""} does=${logIn}>${alive ? "Log in again at Zerodha" : "Log in at Zerodha"}<//>
    <details><summary>Log in with a token instead, or forget this account</summary>
      <${Form} submit="Use this token" look="outline" send=${token}><${Field} name="access_token" label="Access token" type="password" autocomplete="off" required /><//>
      <${Act} class="outline danger" does=${forget}>Forget this account<//>
    </details>`;
}

async function forget() {
  if (!(await ask("Forget this account?", "Its keys are deleted here. Strategies cannot trade until an account is connected again.", [["yes", "Forget it", "danger"]]))) return;
  await call("DELETE", "/broker");
  put(await get("/broker"));
  tell("The account and its keys are deleted.");
}
