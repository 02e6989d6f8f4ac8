// The account: the morning login, sell everything, notifications, limits, security, data, the end.

import { book } from "./book.js";
import { call, download, forget, get, getAll, logOut, post, save } from "./client.js";
import { BrokerCard } from "./broker.js";
import { Limits } from "./limits.js";
import { Notices } from "./notices.js";
import { unsubscribe } from "./push.js";
import { Password, Sessions, TwoFactor } from "./security.js";
import { Advice, sellEverything } from "./today.js";
import { Act, ask, Field, Folded, Form, html, tell, Title, Unread, useRead, useStore } from "./ui.js";

export function Account() {
  const { broker, account } = useStore(book);
  const me = useRead(() => get("/auth/me"));
  if (!me.data || !account) return html`<${Title}>Account<//><${Unread} of=${me} />`;
  const user = me.data;
  return html`
    <${Title}>Account<//>
    <p class="quiet">${user.email}</p>
    ${user.mail && !user.email_verified ? html`<${Confirmation} />` : null}
    <${Advice} broker=${broker} account=${account} />
    <article><h2>Zerodha</h2><${BrokerCard} broker=${broker} /></article>
    <article><h2>Sell everything now</h2><${KillSwitch} account=${account} /></article>
    <${Folded} title="Notifications"><${Notices} user=${user} /><//>
    <${Folded} title="Limits" open=${Boolean(account.breach)}><${Limits} account=${account} /><//>
    <${Folded} title="Two-factor login"><${TwoFactor} on=${user.totp} changed=${me.again} /><//>
    <${Folded} title="Logins"><${Sessions} /><//>
    <${Folded} title="Password"><${Password} /><//>
    <${Folded} title="Your data">
      <p>Your strategies with all they say, every round with its charges, and every line of the audit log about your account, which can be checked without this server.</p>
      <div class="acts">
        <${Act} class="outline" does=${saveStrategies}>Save the strategies (JSON)<//>
        <${Act} class="outline" does=${() => download("/account/report?format=csv", "stopwatch-report.csv")}>Save the report (CSV)<//>
        <${Act} class="outline" does=${() => download("/account/audit/export", "stopwatch-audit.jsonl")}>Save the audit log<//>
      </div><//>
    <${Folded} title="Delete account"><${Deletion} coded=${user.totp} /><//>
    <button class="outline danger" onClick=${leave}>Log out</button>`;
}

/** Save all strategies, each with its orders. */
async function saveStrategies() {
  const found = await getAll("/strategy");
  const whole = [];
  for (const one of found) whole.push({ ...one, orders: await getAll(`/strategy/${one.strategy_id}/orders`) });
  save(new Blob([JSON.stringify(whole, null, 1)], { type: "application/json" }), "stopwatch-strategies.json");
}

function KillSwitch({ account }) {
  if (account.kill_switch.on) return html`<p>You stopped all buying: see above. What is held is still watched.</p>`;
  return html`<p>One tap and one question: all running strategies stop, what they hold is sold, nothing more is bought.</p>
    <${Act} class="danger" does=${sellEverything}>Sell everything now<//>`;
}

function Confirmation() {
  const send = async () => {
    await post("/auth/verify/send");
    tell("A link is on its way: open it to confirm your address.");
  };
  return html`<p class="notice">Your e-mail address is not confirmed: no notice and no link for a new password is mailed to it. <${Act} class="outline" does=${send}>Mail me the link<//></p>`;
}

function Deletion({ coded }) {
  const send = async ({ deletion_password: password, deletion_code: code }) => {
    const chosen = await ask("Delete your account?", ["Your e-mail address, password, broker login, channels and logins are erased. Orders and days are kept without your name, as the law asks.", "This cannot be undone."], [["yes", "Delete my account", "danger"]]);
    if (!chosen) return;
    try {
      await call("DELETE", "/account", { password, ...(code ? { code } : {}) });
    } catch (problem) {
      problem.errors = problem.errors?.map((one) => ({ ...one, field: `deletion_${one.field}` }));
      throw problem;
    }
    signOut();
    tell("Your account is deleted.", "", true);
  };
  return html`<${Form} submit="Delete account" look="outline danger" send=${send}>
    <p>It is refused while a strategy runs, or while shares of a failed exit are held.</p>
    <${Field} name="deletion_password" label="Your password" type="password" autocomplete="current-password" required />
    ${coded ? html`<${Field} name="deletion_code" label="One-time code" inputmode="numeric" autocomplete="one-time-code" hint="From your authenticator app, or a recovery code." />` : null}
  <//>`;
}

async function leave() {
  await unsubscribe().catch(() => {});
  await logOut().catch(() => {}); // signed out here in any case; the login ends by itself on the server
  signOut();
}

function signOut() {
  forget();
  window.dispatchEvent(new Event("left"));
  location.hash = "#/login";
}
