// Who can get into the account: two-factor login, logins on other devices, the password.

import { call, get, keep, post } from "./client.js";
import { Act, Field, Form, html, tell, Unread, useRead, useState } from "./ui.js";
import { clock, dayWord, isoDay } from "./words.js";

/** One-time codes: off, being set up, or on. */
export function TwoFactor({ on, changed }) {
  const [begun, begin] = useState(/** @type {any} */ (null));
  const [recovery, show] = useState(/** @type {string[] | null} */ (null));
  if (recovery) return html`<p>One-time codes are on. These recovery codes are shown only now; each works once, where your phone is lost:</p>
    <p class="codes">${recovery.map((code) => html`<code key=${code}>${code}</code>`)}</p>
    <button onClick=${() => { show(null); changed(); }}>I have kept them</button>`;
  if (on) return html`<${TurnOff} changed=${changed} />`;
  if (begun) return html`<${Confirm} begun=${begun} done=${(codes) => { begin(null); show(codes); }} />`;
  const start = async ({ totp_password: password }) => begin(await post("/auth/totp", { password }));
  return html`<p>A code of your phone is asked for at each login, beside your password.</p>
    <${Form} submit="Set up" look="outline" send=${start}>
      <${Field} name="totp_password" label="Password, to set codes up" type="password" autocomplete="current-password" required />
    <//>`;
}

function Confirm({ begun, done }) {
  const send = async ({ code }) => done((await post("/auth/totp/confirm", { code })).recovery_codes);
  return html`
    <p>Add this to your authenticator app: scan the picture, on this phone <a href=${begun.otpauth_uri}>open it there</a>, or type the key.</p>
    <p><img src=${begun.picture} alt="A QR code of the key below" width="220" height="220" /></p>
    <p><code>${begun.secret}</code></p>
    <${Form} submit="Turn on" send=${send}>
      <${Field} name="code" label="The code that the app shows" inputmode="numeric" autocomplete="one-time-code" required />
    <//>`;
}

function TurnOff({ changed }) {
  const send = async ({ off_password: password, off_code: code }) => {
    await call("DELETE", "/auth/totp", { password, code });
    tell("One-time codes are off.");
    changed();
  };
  return html`<p>On: a code of your phone is asked for at each login.</p>
    <details><summary>Turn it off</summary><${Form} submit="Turn off" look="outline danger" send=${send}>
      <${Field} name="off_password" label="Password, to turn codes off" type="password" autocomplete="current-password" required />
      <${Field} name="off_code" label="A code of the app, or a recovery code" inputmode="numeric" autocomplete="one-time-code" required />
    <//></details>`;
}

export function Sessions() {
  const logins = useRead(() => get("/auth/sessions"));
  if (!logins.data) return html`<${Unread} of=${logins} />`;
  const end = (one) => async () => {
    await call("DELETE", `/auth/sessions/${one.id}`);
    logins.again();
  };
  return html`<ul class="cards">${logins.data.items.map((one) => html`<li key=${one.id} class="row">
    <span>${deviceOf(one.user_agent)}<br /><span class="quiet">${one.ip ?? ""} · used ${dayWord(isoDay(one.last_used_at))} at ${clock(one.last_used_at)}</span></span>
    ${one.current ? html`<span class="chip">this one</span>` : html`<${Act} class="outline" does=${end(one)}>End<//>`}
  </li>`)}</ul>`;
}

/** "Chrome on Linux"; what is not known by its words is shown as it calls itself. */
function deviceOf(agent) {
  if (!agent) return "An unknown device";
  const browser = ["Edg", "Firefox", "Chrome", "Safari"].find((name) => agent.includes(name));
  const system = ["Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux"].find((name) => agent.includes(name));
  return browser && system ? `${browser === "Edg" ? "Edge" : browser} on ${system}` : agent.slice(0, 60);
}

export function Password() {
  const send = async ({ current_password, new_password }) => {
    keep(await post("/auth/password", { current_password, new_password }));
    tell("The password is changed. Every other login has ended.");
  };
  return html`<${Form} submit="Change password" look="outline" send=${send}>
    <${Field} name="current_password" label="Current password" type="password" autocomplete="current-password" required />
    <${Field} name="new_password" label="New password" type="password" autocomplete="new-password" hint="At least 8 characters." required />
  <//>`;
}
