// A forgotten password, and the links that are mailed: for a new password, and to confirm an address.

import { call, forget } from "./client.js";
import { field, form, h, tell } from "./dom.js";

const PASSWORD = { type: "password", autocomplete: "new-password", required: true };
const send = (path, words) => call("POST", path, words, { anonymous: true });

/** Ask for the mail. What is answered does not say whether the address has an account. */
export const forgot = (view) => {
  const asked = h("p", {});
  view.append(
    h("h1", { tabindex: -1 }, "Forgot your password?"),
    h("p", { class: "quiet" }, "A link to choose a new one is mailed to you, if the address has an account."),
    form(
      [field("email", "E-mail", { type: "email", autocomplete: "username", inputmode: "email", required: true })],
      "Mail me a link",
      async (values) => {
        await send("/auth/forgot", { email: values.email });
        asked.textContent = "Look into your mailbox: the link works once, for 30 minutes. A few mails an hour are sent at most.";
        tell("If the address has an account, a link is on its way.");
      },
    ),
    asked,
    h("p", {}, h("a", { href: "#/login" }, "Log in")),
  );
};

/** Choose a new password by the link of a mail. */
export const reset = (view, [token]) => {
  hide("#/reset");
  view.append(h("h1", { tabindex: -1 }, "Choose a new password"));
  if (!token) return void view.append(openAgain());
  view.append(
    h("p", { class: "quiet" }, "Every login ends, on every device. What was started goes on by itself."),
    form([field("password", "New password", PASSWORD, "At least 8 characters.")], "Set password", async (values) => {
      await send("/auth/reset", { token, password: values.password });
      forget();
      tell("The password is changed: log in with it.", "", true);
      location.hash = "#/login";
    }),
    h("p", {}, h("a", { href: "#/forgot" }, "Ask for another link")),
  );
};

/** Confirm an address by the link of a mail: by a tap, since programs open the links of mails too. */
export const verify = (view, [token]) => {
  hide("#/verify");
  view.append(h("h1", { tabindex: -1 }, "Confirm your e-mail address"));
  if (!token) return void view.append(openAgain());
  view.append(
    h("p", {}, "Notices can be mailed to it from then on, and a link if you forget your password."),
    form([], "Confirm this address", async () => {
      await send("/auth/verify", { token });
      tell("Your e-mail address is confirmed.", "", true);
      location.hash = "#/account";
    }),
  );
};

/** Take the token out of the address bar and the history. */
function hide(place) {
  history.replaceState(null, "", place);
}

const openAgain = () => h("p", {}, "Open the link of the mail again, or ", h("a", { href: "#/forgot" }, "ask for another"), ".");
