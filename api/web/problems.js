// What was refused, and what to do: in the app's words, by the code of the problem.

const BY_CODE = {
  offline: "The server cannot be reached: try again when you are online.",
  internal: "Something went wrong on the server: look whether it was done before you try again.",
  busy: "The server is busy: try again in a few seconds.",
  unavailable: "A part of the server is away for a moment. What was started goes on by itself; try again in a few seconds.",
  too_slow: "The way to the server is too slow: try again.",
  wrong_login: "E-mail or password is wrong.",
  code_needed: "Type the one-time code of your authenticator app.",
  wrong_code: "This one-time code is wrong or used: type the one that your app shows now.",
  invalid_link: "This link is used or too old: ask for another one.",
  email_taken: "There is an account with this address already: log in with it, or choose a new password.",
  registration_closed: "This server takes no new accounts. Ask its operator for one.",
  broker_not_connected: "No Zerodha account is connected: connect one under Account first.",
  broker_rejected: "Zerodha did not accept these keys or this login: check them, or log in at Zerodha again.",
  broker_other_user: "This login belongs to another Zerodha account than the connected one: log in with that one, or forget it first.",
  broker_unavailable: "Zerodha did not answer: try again in a minute.",
  connect_again: "Connect your Zerodha account again: its keys can be read no more.",
  login_needed: "The login at Zerodha has ended: log in again first.",
  position_open: "Shares of a sale that failed are still held: sell them, or keep them, before you start again.",
  order_in_doubt: "An order may still be at Zerodha: look into your order book there, and try again in a few minutes.",
  strategy_running: "It is running: stop it first.",
  kill_switch: "You stopped all buying: allow it again under Account.",
  suspended: "The operator has stopped buying for your account. What is held is still watched.",
  system_halted: "The operator has stopped buying for all users. What is held is still watched.",
  terms_changed: "It was changed somewhere else meanwhile: look at it again.",
  run_missing: "It did not answer: look again in a few seconds.",
  not_started: "It has not been started yet.",
  account_in_use: "Something runs or is held: stop and sell it first, then delete the account.",
  day_has_orders: "This day has orders already: it cannot be left out any more.",
  push_not_set_up: "This server cannot tell browsers: choose another way below.",
  not_repeating: "It trades on one day only: stop it instead.",
};

const LABELS = {
  symbol: "symbol", buy_time: "buy time", sell_time: "sell time", stop_loss: "stop", stop: "stop", target: "target", trail: "trailing stop",
  lock: "locked steps", entry: "way of buying", quantity: "quantity", amount: "amount", risk: "risk", repeat: "repeat", reenter: "buying again",
  exchange: "exchange", product: "product", protect: "place of the stop", on_stop: "choice for a stop by hand", email: "e-mail", password: "password", code: "code",
  api_key: "API key", api_secret: "secret key", access_token: "access token", request_token: "login", address: "address", for_seconds: "seconds",
  order_quantity: "shares in one order", order_value: "value of one order", daily_loss: "loss in one day", daily_profit: "profit in one day",
  trades_a_day: "trades in one day", current_password: "current password", new_password: "new password", symbols: "symbols",
};
const NAMES = new RegExp(`\\b(${Object.keys(LABELS).filter((name) => name.includes("_")).join("|")})\\b`, "g");
/** What the server says to programs, as a trader says it. */
const PHRASES = [
  [/ with POST \/broker\/connect( first)?/g, " under Account"],
  [/POST \/strategy\/stop with on_stop "exit" or "keep"/g, "sell them or keep them"],
  [/POST \/strategy\/stop with on_stop "exit"/g, "“Sell the shares”"],
  [/begin with POST \/auth\/totp/g, "begin again"],
  [/; GET \/instruments\?q= finds symbols/g, "; choose one from the list"],
  [/\bSTOPLOSS\b/g, "stop"],
  [/: \d{12,20}(?=[,.])/g, ""], // the broker's number of an order
  [/, \d{1,3} ms after \d\d:\d\d:\d\d/g, ""], // on time
  [/\b(bought|sold) (\d+) (.+?) \(asked \2\)/gi, "$1 $2 $3"],
];

/** Return a sentence of the server without its field names and calls. */
export function plain(text) {
  return PHRASES.reduce((said, [found, words]) => said.replace(found, words), text).replace(NAMES, (name) => LABELS[name]);
}

/** Return what a person reads about a refused call. */
export function problemWords(problem) {
  if (problem.code === "unknown" || !problem.code) return problem.message || BY_CODE.internal;
  return BY_CODE[problem.code] ?? plain(problem.message);
}

/** Return what is wrong with one field, as a whole sentence; `label` is the field's own on the screen. */
export function wordsOfField({ field, message }, label = "") {
  // "is required", "must be above 0": said of the field; whole sentences stand as they are.
  const name = label || `The ${LABELS[field.split(".")[0]] ?? field}`;
  const said = /^[a-z]/.test(message) ? `${name} ${message}` : message;
  return plain(said).replace(/([^.])$/, "$1.");
}
