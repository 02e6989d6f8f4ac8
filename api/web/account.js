// The account: sell everything, notices, limits, logins, password.

import { call, forget, get, keep, logOut, post } from "./client.js";
import { ask, field, fill, form, h, tell } from "./dom.js";
import { advice } from "./list.js";
import { section as noticeSection } from "./notices.js";
import { clock, dayWord, isoDay } from "./words.js";

export async function show(view) {
  const [me, account, broker, logins, channels] = await Promise.all([get("/auth/me"), get("/account"), get("/broker"), get("/auth/sessions"), noticeSection()]);
  const notices = h("div", {}), emergency = h("div", {});
  view.append(
    h("h1", { tabindex: -1 }, "Account"),
    h("p", { class: "quiet" }, me.email),
    ...(me.mail && !me.email_verified ? [confirmation()] : []),
    notices,
    h("section", { class: "card" }, h("h2", {}, "Sell everything now"), emergency),
    h("section", { class: "card" }, h("h2", {}, "Notices"), ...channels),
    h("section", { class: "card" }, h("h2", {}, "Limits"), ...breach(account.breach), limits(account.limits)),
    h("section", { class: "card" }, h("h2", {}, "Logins"), sessions(logins.items)),
    h("section", { class: "card" }, h("h2", {}, "Password"), password()),
    h("button", { class: "danger", onclick: leave }, "Log out"),
    h("section", { class: "card" }, h("h2", {}, "Delete account"), deletion(me)),
  );
  const draw = (now) => {
    fill(notices, ...advice(broker, now));
    fill(emergency, ...killSwitch(now, draw));
  };
  draw(account);
}

function killSwitch(account, draw) {
  const turn = async (words, said) => {
    try {
      const now = await post("/account/kill-switch", words);
      tell(said(now));
      draw(now);
    } catch (problem) {
      tell(problem.message, "warn");
    }
  };
  if (account.kill_switch.on) {
    return [
      h("p", {}, `On since ${clock(account.kill_switch.since)} ${dayWord(isoDay(account.kill_switch.since))}: nothing is bought. Strategies that were stopped stay stopped.`),
      h("button", { onclick: () => turn({ on: false }, () => "Buying is allowed again.") }, "Allow buying again"),
    ];
  }
  const toldToSell = (now) => {
    const counted = (number) => `${number} running ${number === 1 ? "strategy" : "strategies"}`;
    const told = `Buying is stopped, and ${counted(now.selling)} ${now.selling === 1 ? "is" : "are"} told to sell.`;
    return now.untold ? `${told} ${counted(now.untold)} could not be told: this is tried again every few seconds. Watch your positions, or sell at your broker.` : told;
  };
  const sell = async () => {
    const chosen = await ask("Sell everything now?", "Every running strategy is stopped, and what it holds is sold at the market's price. Nothing more is bought until you allow it again.", [["yes", "Sell everything", "danger"]]);
    if (chosen) await turn({ on: true, exits: "exit", reason: "sold everything from the app" }, toldToSell);
  };
  return [
    h("p", {}, "One tap and one question: all running strategies stop, what they hold is sold, nothing more is bought."),
    h("button", { class: "danger", onclick: sell }, "Sell everything now"),
  ];
}

const BREACH_WORDS = [["block", "Buy nothing more that day"], ["exit", "Sell what is held as well"]];

function breach(known) {
  if (!known) return [];
  const words = { daily_loss: "loss in one day", daily_profit: "profit in one day", trades_a_day: "trades in one day" }[known.limit];
  const until = known.until ? `until ${dayWord(known.until)}` : "until the next trading day";
  return [h("p", { class: "notice" }, `Your limit of ${known.value} for the ${words} was reached at ${clock(known.since)}: nothing more is bought ${until}, whatever the limits are changed to.`)];
}

function limits(known) {
  const value = (one) => (one === null ? "" : String(one));
  const send = async (values) => {
    const number = (text) => (text === "" ? null : /^\d+(\.\d+)?$/.test(text) ? Number(text) : text);
    const symbols = values.symbols.split(/[\s,]+/).filter(Boolean).map((one) => one.toUpperCase());
    await call("PUT", "/account/limits", {
      order_quantity: number(values.order_quantity), order_value: number(values.order_value),
      daily_loss: number(values.daily_loss), daily_profit: number(values.daily_profit),
      trades_a_day: number(values.trades_a_day), on_breach: values.on_breach || "block",
      symbols: symbols.length ? symbols : null,
    });
    tell("The limits are saved. They hold from the next order on.");
  };
  return form(
    [
      field("order_quantity", "Shares in one order", { inputmode: "numeric", value: value(known.order_quantity) }, "Empty is no limit."),
      field("order_value", "Value of one order, ₹", { inputmode: "decimal", value: value(known.order_value) }),
      field("daily_loss", "Loss in one day, ₹", { inputmode: "decimal", value: value(known.daily_loss) }, "Of all strategies, realised and open, after charges. Once it is reached nothing more is bought that day."),
      field("daily_profit", "Profit in one day, ₹", { inputmode: "decimal", value: value(known.daily_profit) }, "Counted in the same way."),
      field("trades_a_day", "Trades in one day", { inputmode: "numeric", value: value(known.trades_a_day) }, "Rounds of all strategies together."),
      field("on_breach", "When loss or profit is reached", { options: [...BREACH_WORDS].sort(([one]) => (one === known.on_breach ? -1 : 1)) }),
      field("symbols", "Only these symbols", { autocapitalize: "characters", value: (known.symbols ?? []).join(", ") }, "By commas; empty is every symbol."),
    ],
    "Save limits",
    send,
  );
}

function sessions(logins) {
  const list = h("ul", { class: "cards" });
  const draw = (left) => fill(list, ...left.map((one) => h("li", { class: "row" },
    h("span", {}, `${one.user_agent?.slice(0, 60) ?? "An unknown device"}`, h("br"), h("span", { class: "quiet" }, `${one.ip ?? ""} · used ${dayWord(isoDay(one.last_used_at))} at ${clock(one.last_used_at)}`)),
    one.current ? h("span", { class: "chip" }, "this one") : h("button", { class: "plain", onclick: () => end(one, left) }, "End"))));
  async function end(one, left) {
    try {
      await call("DELETE", `/auth/sessions/${one.id}`);
      draw(left.filter((other) => other !== one));
    } catch (problem) {
      tell(problem.message, "warn");
    }
  }
  draw(logins);
  return list;
}

function password() {
  const send = async (values) => {
    keep(await post("/auth/password", values));
    tell("The password is changed. Every other login has ended.");
  };
  return form(
    [
      field("current_password", "Current password", { type: "password", autocomplete: "current-password", required: true }),
      field("new_password", "New password", { type: "password", autocomplete: "new-password", required: true }, "At least 8 characters."),
    ],
    "Change password",
    send,
  );
}

function confirmation() {
  const send = async (event) => {
    event.target.disabled = true;
    try {
      await post("/auth/verify/send");
      tell("A link is on its way: open it to confirm your address.");
    } catch (problem) {
      tell(problem.message, "warn");
    } finally {
      event.target.disabled = false;
    }
  };
  return h("p", { class: "notice" }, "Your e-mail address is not confirmed: no notice and no link for a new password is mailed to it. ",
    h("button", { class: "plain", onclick: send }, "Mail me the link"));
}

function deletion(me) {
  const send = async (values) => {
    const chosen = await ask("Delete your account?", ["Your e-mail address, password, broker login, channels and logins are erased. Orders and days are kept without your name, as the law asks.", "This cannot be undone."], [["yes", "Delete my account", "danger"]]);
    if (!chosen) return;
    const words = { password: values.deletion_password };
    if (values.deletion_code) words.code = values.deletion_code;
    try {
      await call("DELETE", "/account", words);
    } catch (problem) {
      problem.errors = problem.errors?.map((one) => ({ ...one, field: `deletion_${one.field}` }));
      throw problem;
    }
    forget();
    tell("Your account is deleted.", "", true);
    location.hash = "#/login";
  };
  return form(
    [
      h("p", {}, "It is refused while a strategy runs, or while shares of a failed exit are held."),
      field("deletion_password", "Your password", { type: "password", autocomplete: "current-password", required: true }),
      me.totp ? field("deletion_code", "One-time code", { inputmode: "numeric", autocomplete: "one-time-code" }, "From your authenticator app, or a recovery code.") : "",
    ],
    "Delete account",
    send,
  );
}

async function leave() {
  try {
    await logOut();
  } catch {
    // Signed out here in any case; the login ends by itself on the server.
  }
  location.hash = "#/login";
}
