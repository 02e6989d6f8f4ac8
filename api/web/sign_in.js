// Register and log in: the first screens.

import { call, keep } from "./client.js";
import { Field, Form, html, tell, Title, useEffect, useState } from "./ui.js";

const LEAD = "Buys at a time, sells at a time, and watches the stop in between.";

export const LogIn = () => html`<${SignIn} title="Log in" path="/auth/login" autocomplete="current-password" to="#/">
  <p>New here? <a href="#/register">Create an account</a> · <a href="#/forgot">Forgot your password?</a></p>
<//>`;

export const Register = () => html`<${SignIn} title="Create an account" submit="Create account" path="/auth/register" autocomplete="new-password" to="#/broker" hint="At least 8 characters.">
  <p>You have an account? <a href="#/login">Log in</a></p>
<//>`;

function SignIn({ title, submit = title, path, autocomplete, to, hint = "", children }) {
  const [coded, ask] = useState(false);
  useEffect(() => {
    if (!sessionStorage.getItem("stopwatch:signed-out")) return;
    sessionStorage.removeItem("stopwatch:signed-out");
    tell("You are signed out: log in again. What was started goes on by itself.", "warn");
  }, []);
  const send = async ({ email, password, code }) => {
    try {
      keep(await call("POST", path, { email, password, ...(code ? { code } : {}) }, { anonymous: true }));
    } catch (problem) {
      if (problem.code === "code_needed") ask(true);
      throw problem;
    }
    location.hash = to;
  };
  return html`
    <${Title}>${title}<//>
    <p class="quiet">${LEAD}</p>
    <${Form} submit=${submit} send=${send}>
      <${Field} name="email" label="E-mail" type="email" autocomplete="username" inputmode="email" required />
      <${Field} name="password" label="Password" type="password" autocomplete=${autocomplete} hint=${hint} required />
      ${coded ? html`<${Field} name="code" label="One-time code" inputmode="numeric" autocomplete="one-time-code" hint="From your authenticator app, or a recovery code." />` : null}
    <//>
    ${children}`;
}
