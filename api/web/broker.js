// The broker account: connect it once, log in every morning by one tap, forget it.

import { book } from "./book.js";
import { call, get, post } from "./client.js";
import { Act, ask, Field, Form, html, tell, Title, useStore } from "./ui.js";
import { clock, dayWord, isoDay } from "./words.js";

export function BrokerPage() {
  const { broker } = useStore(book);
  return html`<${Title}>Broker<//>${broker.status === "none" ? html`<${Connect} />` : html`<article><${BrokerCard} broker=${broker} /></article>`}`;
}

const put = (broker) => book.set({ ...book.get(), broker });

function Connect() {
  const send = async (words) => {
    put(await post("/broker/connect", words));
    tell("Your Zerodha account is connected.", "", true);
    location.hash = "#/new";
  };
  return html`
    ${book.get().mode === "paper" ? html`<p class="notice">This server trades with paper money: the keys are those of an account of its paper exchange, not of your Zerodha account.</p>` : null}
    <ol class="steps">
      <li>At developers.kite.trade create an app (Zerodha may charge for it).</li>
      <li>As its redirect URL give <code>${`${location.origin}/broker/callback`}</code></li>
      <li>Copy its API key and secret here, and an access token of today. From tomorrow on you log in by one tap.</li>
    </ol>
    <p class="quiet">They are stored encrypted, and never shown again.</p>
    <${Form} submit="Connect" send=${send}>
      <${Field} name="api_key" label="API key" autocomplete="off" spellcheck="false" required />
      <${Field} name="api_secret" label="Secret key" type="password" autocomplete="off" required />
      <${Field} name="access_token" label="Access token" type="password" autocomplete="off" hint="Today's: it ends at 06:00 tomorrow. After this first time you log in by one tap." required />
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
