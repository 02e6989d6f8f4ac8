// A forgotten password, and the links that are mailed: for a new password, and to confirm an address.

import { call, forget } from "./client.js";
import { Field, Form, html, tell, Title, useEffect, useState } from "./ui.js";

const send = (path, words) => call("POST", path, words, { anonymous: true });

/** Ask for the mail. What is answered does not say whether the address has an account. */
export function Forgot() {
  const [asked, set] = useState(false);
  const mail = async ({ email }) => {
    await send("/auth/forgot", { email });
    set(true);
    tell("If the address has an account, a link is on its way.");
  };
  return html`
    <${Title}>Forgot your password?<//>
    <p class="quiet">A link to choose a new one is mailed to you, if the address has an account.</p>
    <${Form} submit="Mail me a link" send=${mail}>
      <${Field} name="email" label="E-mail" type="email" autocomplete="username" inputmode="email" required />
    <//>
    ${asked ? html`<p>Look into your mailbox: the link works once, for 30 minutes. A few mails an hour are sent at most.</p>` : null}
    <p><a href="#/login">Log in</a></p>`;
}

/** Choose a new password by the link of a mail. */
export function Reset({ words: [token] }) {
  useHidden("#/reset");
  const set = async ({ password }) => {
    await send("/auth/reset", { token, password });
    forget();
    tell("The password is changed: log in with it.", "", true);
    location.hash = "#/login";
  };
  return html`
    <${Title}>Choose a new password<//>
    ${token ? html`
      <p class="quiet">Every login ends, on every device. What was started goes on by itself.</p>
      <${Form} submit="Set password" send=${set}>
        <${Field} name="password" label="New password" type="password" autocomplete="new-password" hint="At least 8 characters." required />
      <//>
      <p><a href="#/forgot">Ask for another link</a></p>` : html`<${OpenAgain} />`}`;
}

/** Confirm an address by the link of a mail: by a tap, since programs open the links of mails too. */
export function Verify({ words: [token] }) {
  useHidden("#/verify");
  const confirm = async () => {
    await send("/auth/verify", { token });
    tell("Your e-mail address is confirmed.", "", true);
    location.hash = "#/account";
  };
  return html`
    <${Title}>Confirm your e-mail address<//>
    ${token ? html`
      <p>Notifications can be mailed to it from then on, and a link if you forget your password.</p>
      <${Form} submit="Confirm this address" send=${confirm} />` : html`<${OpenAgain} />`}`;
}

/** Take the token out of the address bar and the history. */
function useHidden(place) {
  useEffect(() => history.replaceState(null, "", place), []);
}

const OpenAgain = () => html`<p>Open the link of the mail again, or <a href="#/forgot">ask for another</a>.</p>`;
