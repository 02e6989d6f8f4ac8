// The broker account: connect it once, log in every morning by one tap, forget it.

import { call, get, post } from "./client.js";
import { ask, field, fill, form, h, tell } from "./dom.js";
import { clock, dayWord, isoDay } from "./words.js";

export async function show(view) {
  const place = h("div", {});
  view.append(h("h1", { tabindex: -1 }, "Broker"), place);
  await draw(place);
}

async function draw(place) {
  const account = await get("/broker");
  if (account.status === "none") fill(place, ...first(place));
  else fill(place, ...connected(place, account));
}

function first(place) {
  const send = async (values) => {
    await post("/broker/connect", values);
    tell("Your Zerodha account is connected.", "", true);
    location.hash = "#/new";
  };
  return [
    h("p", {}, "Connect your Zerodha account with the keys of your Kite Connect app. The key, the secret and the token are " +
      "sealed: this server's web side cannot read them back."),
    form(
      [
        field("api_key", "API key", { autocomplete: "off", spellcheck: "false", required: true }),
        field("api_secret", "Secret key", { type: "password", autocomplete: "off", required: true }),
        field("access_token", "Access token", { type: "password", autocomplete: "off", required: true }, "Today's: it ends at 06:00 tomorrow. After this first time you log in by one tap."),
      ],
      "Connect",
      send,
    ),
  ];
}

function connected(place, account) {
  const alive = account.status === "connected";
  const ends = account.token_expires_at;
  const login = async () => {
    try {
      location.assign((await get("/broker/login-url")).url);
    } catch (problem) {
      tell(problem.message, "warn");
    }
  };
  const token = async (values) => {
    await post("/broker/connect", values);
    tell("Logged in at Zerodha.");
    await draw(place);
  };
  return [
    h("section", { class: "card" },
      h("div", { class: "row" },
        h("strong", {}, account.user_name ?? "Zerodha"),
        h("span", { class: `chip ${alive ? "good" : "bad"}` }, alive ? "Logged in" : "Login needed")),
      h("p", { class: "quiet" }, `Account ${account.broker_user_id}. `,
        alive && ends ? `The login lasts until ${clock(ends)} ${dayWord(isoDay(ends))}.`
          : "Zerodha ends every login at 06:00. Nothing is bought, and no sale is sent, before you log in again."),
      h("div", { class: "acts" },
        h("button", { onclick: login, class: alive ? "plain" : "" }, alive ? "Log in again at Zerodha" : "Log in at Zerodha"))),
    h("details", {}, h("summary", {}, "Log in with a token instead"),
      form([field("access_token", "Access token", { type: "password", autocomplete: "off", required: true })], "Use this token", token)),
    h("button", { class: "danger", onclick: () => forget(place) }, "Forget this account"),
  ];
}

async function forget(place) {
  const chosen = await ask("Forget this account?", "Its keys are deleted here. Strategies cannot trade until an account is connected again.", [["yes", "Forget it", "danger"]]);
  if (!chosen) return;
  try {
    await call("DELETE", "/broker");
    tell("The account and its keys are deleted.");
    await draw(place);
  } catch (problem) {
    tell(problem.message, "warn");
  }
}
