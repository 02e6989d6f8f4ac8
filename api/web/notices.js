// Where the user is told outside the app: channels, a test message, and what became of the last notices.

import { call, get, post } from "./client.js";
import { ask, field, fill, form, h, tell } from "./dom.js";
import { clock, dayWord, isoDay } from "./words.js";

const KINDS = [["email", "Mail to your account's address"], ["service", "Telegram, Discord, Slack, Pushover, ntfy"], ["webhook", "Webhook of your own server"]];
const HINT = "Webhook: https://…  Telegram: tgram://BOT_TOKEN/CHAT_ID  ntfy: ntfy://TOPIC. Mail needs none.";
const SAID = { sent: "It has arrived.", waiting: "It has not arrived yet, and is tried again", sending: "It is on its way.", failed: "It did not arrive", unknown: "It may have arrived" };

/** Return the section's parts: channels as a list, and the form for a new one. */
export async function section() {
  const list = h("ul", { class: "cards" }), secret = h("div", {}), recent = h("div", {});
  const draw = async () => {
    const [channels, notices] = await Promise.all([get("/notices/channels"), get("/notices?limit=5")]);
    fill(list, ...channels.items.map((one) => row(one, draw)));
    fill(recent, ...lately(notices.items));
  };
  const add = async (values) => {
    const words = { kind: values.channel_kind };
    if (values.address) words.address = values.address;
    const made = await post("/notices/channels", words);
    fill(secret, ...(made.secret ? [shownOnce(made.secret)] : []));
    tell(`${made.shown} is set up: send a test.`);
    await draw();
  };
  await draw();
  return [
    h("p", {}, "You are told of fills, stops, missed days, failed orders, needed logins and emergencies, each once."),
    list, secret,
    form([field("channel_kind", "How", { options: KINDS }), field("address", "Address", { autocapitalize: "none", autocomplete: "off", spellcheck: "false" }, HINT)], "Add channel", add),
    recent,
  ];
}

function row(channel, draw) {
  const test = async (event) => {
    event.target.disabled = true;
    try {
      const notice = await post(`/notices/channels/${channel.channel_id}/test`);
      tell(`${SAID[notice.status]}${notice.message ? `: ${notice.message}` : ""}`, notice.status === "sent" ? "" : "warn");
      await draw();
    } catch (problem) {
      tell(problem.message, "warn");
    } finally {
      event.target.disabled = false;
    }
  };
  const remove = async () => {
    if (!(await ask(`Remove ${channel.shown}?`, "Nothing more is sent there.", [["yes", "Remove", "danger"]]))) return;
    try {
      await call("DELETE", `/notices/channels/${channel.channel_id}`);
      await draw();
    } catch (problem) {
      tell(problem.message, "warn");
    }
  };
  return h("li", { class: "row" },
    h("span", {}, channel.shown, h("br"), h("span", { class: "quiet" }, channel.gone_at ? "switched off: its receiver said that it is gone" : channel.kind)),
    h("span", { class: "pair" },
      h("button", { class: "plain", onclick: test, "aria-label": `Test ${channel.shown}` }, "Test"),
      h("button", { class: "plain", onclick: remove, "aria-label": `Remove ${channel.shown}` }, "Remove")));
}

function shownOnce(secret) {
  return h("p", { class: "notice" }, "Notices are signed with this secret, which is shown only now: ", h("code", {}, secret));
}

function lately(notices) {
  if (!notices.length) return [];
  return [h("h3", {}, "Lately"), h("ul", { class: "cards" }, ...notices.map((one) => h("li", {},
    one.text, h("br"),
    h("span", { class: "quiet" }, `${dayWord(isoDay(one.at))} ${clock(one.at)} · ${one.status}${one.message ? `: ${one.message}` : ""}`))))];
}
