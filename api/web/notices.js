// Where the user is told outside the app: channels with a guided set-up, a test message, and the last notices.

import { call, get, post } from "./client.js";
import { plain } from "./problems.js";
import { canPush, subscribe } from "./push.js";
import { Act, ask, Field, Form, html, tell, Unread, useRead, useState } from "./ui.js";
import { clock, dayWord, isoDay } from "./words.js";

const SAID = { sent: "It has arrived.", waiting: "It has not arrived yet, and is tried again", sending: "It is on its way.", failed: "It did not arrive", unknown: "It may have arrived" };
const TELLS = { fill: "bought or sold", stop_loss: "stop hit", target: "target reached", missed: "nothing bought", order_failed: "order failed", login_needed: "login needed", emergency: "emergency" };

/**
 * How each service is set up: what to do there, what to type here, and the words for the API.
 * @type {Record<string, {name: string, steps: string[], fields: [string, string, string?][], words: (typed: any) => any}>}
 */
const SERVICES = {
  email: { name: "E-mail", steps: ["Notices go to your account's address."], fields: [], words: () => ({ kind: "email" }) },
  telegram: {
    name: "Telegram", steps: ["In Telegram write to @BotFather, send /newbot, and copy the token that it gives you.", "Write any message to your new bot, then ask @userinfobot for your id."],
    fields: [["bot", "Token of the bot", "123456:ABC-…"], ["chat", "Your id", "987654321"]],
    words: ({ bot, chat }) => ({ kind: "service", address: `tgram://${bot}/${chat}` }),
  },
  ntfy: {
    name: "ntfy", steps: ["Install the ntfy app, and subscribe to a topic with a name that nobody can guess."],
    fields: [["topic", "Topic", "stopwatch-7f3kq"]], words: ({ topic }) => ({ kind: "service", address: `ntfy://${topic}` }),
  },
  pushover: {
    name: "Pushover", steps: ["On pushover.net create an application, and copy its token and your user key."],
    fields: [["user", "User key"], ["token", "Token of the application"]], words: ({ user, token }) => ({ kind: "service", address: `pover://${user}@${token}` }),
  },
  discord: {
    name: "Discord", steps: ["In the channel's settings choose Integrations, Webhooks, New webhook, and copy its URL."],
    fields: [["url", "URL of the webhook", "https://discord.com/api/webhooks/…"]], words: ({ url }) => ({ kind: "service", address: url.replace(/^https:\/\/[^/]+\/api\/webhooks\//, "discord://") }),
  },
  slack: {
    name: "Slack", steps: ["Add “Incoming Webhooks” to your workspace, choose a channel, and copy the URL."],
    fields: [["url", "URL of the webhook", "https://hooks.slack.com/services/…"]], words: ({ url }) => ({ kind: "service", address: url.replace(/^https:\/\/[^/]+\/services\//, "slack://") }),
  },
  webhook: {
    name: "Your own server", steps: ["Each notice is sent to your address as JSON, signed with a secret that is shown once."],
    fields: [["address", "Address", "https://…"]], words: ({ address }) => ({ kind: "webhook", address }),
  },
};

export function Notices({ user }) {
  const channels = useRead(() => get("/notices/channels"));
  const notices = useRead(() => get("/notices?limit=5"));
  const [secret, showSecret] = useState("");
  const again = () => { channels.again(); notices.again(); };
  if (!channels.data) return html`<${Unread} of=${channels} />`;
  const made = (channel) => {
    showSecret(channel.secret ?? "");
    tell(`${channel.shown} is set up: send a test.`);
    again();
  };
  return html`
    <p>You are told of fills, stops, missed days, failed orders, needed logins and emergencies, each once.</p>
    <ul class="cards">${channels.data.items.map((one) => html`<${Channel} key=${one.channel_id} channel=${one} changed=${again} />`)}</ul>
    ${secret ? html`<p class="notice">Notices are signed with this secret, which is shown only now: <code>${secret}</code></p>` : null}
    ${canPush() ? html`<${Act} class="outline" does=${async () => made(await post("/notices/channels", await subscribe()))}>Tell me on this device<//>` : null}
    <${Add} user=${user} made=${made} />
    ${notices.data?.items.length ? html`<details><summary>The last notices</summary><ul class="cards">${notices.data.items.map((one) => html`<li key=${one.notice_id}>
      ${plain(one.text)}<br /><span class="quiet">${dayWord(isoDay(one.at))} ${clock(one.at)} · ${SAID[one.status] ?? one.status}${one.message ? `: ${one.message}` : ""}</span></li>`)}</ul></details>` : null}`;
}

function Add({ user, made }) {
  const [service, choose] = useState(user.mail ? "email" : "telegram");
  const one = SERVICES[service];
  const send = async (values) => {
    const typed = Object.fromEntries(one.fields.map(([name]) => [name, values[`${service}_${name}`]]));
    try {
      made(await post("/notices/channels", one.words(typed)));
    } catch (problem) {
      const first = one.fields[0]?.[0];
      problem.errors = problem.errors?.map((error) => (error.field === "address" && first ? { ...error, field: `${service}_${first}` } : error));
      throw problem;
    }
  };
  return html`<${Form} submit="Add channel" look="outline" send=${send}>
    <${Field} name="channel_kind" label="Tell me by" value=${service} options=${Object.entries(SERVICES).filter(([key]) => key !== "email" || user.mail).map(([key, { name }]) => [key, name])} onChange=${(event) => choose(event.target.value)} />
    <ol class="steps">${one.steps.map((step) => html`<li key=${step}>${step}</li>`)}</ol>
    ${one.fields.map(([name, label, example]) => html`<${Field} key=${`${service}_${name}`} name=${`${service}_${name}`} label=${label} placeholder=${example} autocapitalize="none" autocomplete="off" spellcheck="false" />`)}
  <//>`;
}

function Channel({ channel, changed }) {
  const test = async () => {
    const notice = await post(`/notices/channels/${channel.channel_id}/test`);
    tell(`${SAID[notice.status]}${notice.message ? `: ${notice.message}` : ""}`, notice.status === "sent" ? "" : "warn");
    changed();
  };
  const remove = async () => {
    if (!(await ask(`Remove ${channel.shown}?`, "Nothing more is sent there.", [["yes", "Remove", "danger"]]))) return;
    await call("DELETE", `/notices/channels/${channel.channel_id}`);
    changed();
  };
  const toggle = async (kind) => {
    const tells = channel.tells.includes(kind) ? channel.tells.filter((one) => one !== kind) : [...channel.tells, kind];
    if (!tells.length) return tell("A channel tells of something at least: remove it instead.", "warn");
    await call("PUT", `/notices/channels/${channel.channel_id}`, { tells });
    return changed();
  };
  return html`<li class="card">
    <div class="row"><strong>${channel.shown}</strong><span class="chip">${channel.gone_at ? "switched off" : channel.kind === "service" ? "service" : channel.kind}</span></div>
    ${channel.gone_at ? html`<p class="quiet">Its receiver said that it is gone: set it up again.</p>` : null}
    <details><summary>What it tells of</summary><div class="days" role="group" aria-label=${`What ${channel.shown} tells of`}>${Object.entries(TELLS).map(([kind, words]) => html`<label key=${kind}><input type="checkbox" checked=${channel.tells.includes(kind)} onChange=${() => toggle(kind)} />${words}</label>`)}</div></details>
    <div class="acts">
      <${Act} class="outline" does=${test} aria-label=${`Test ${channel.shown}`}>Test<//>
      <${Act} class="outline secondary" does=${remove} aria-label=${`Remove ${channel.shown}`}>Remove<//>
    </div>
  </li>`;
}
