// Register and log in: the first screen.

import { Problem, call, keep } from "./client.js";
import { field, form, h, tell } from "./dom.js";

export const show = (view, register) => {
  const wanted = register
    ? { title: "Create an account", submit: "Create account", path: "/auth/register", autocomplete: "new-password" }
    : { title: "Log in", submit: "Log in", path: "/auth/login", autocomplete: "current-password" };
  const code = field("code", "One-time code", { inputmode: "numeric", autocomplete: "one-time-code" }, "From your authenticator app, or a recovery code.");
  code.hidden = true;

  const send = async (values) => {
    const words = { email: values.email, password: values.password };
    if (!code.hidden && values.code) words.code = values.code;
    try {
      keep(await call("POST", wanted.path, words, { anonymous: true }));
    } catch (problem) {
      if (problem instanceof Problem && problem.code === "code_needed") {
        code.hidden = false;
        code.querySelector("input").focus();
      }
      throw problem;
    }
    location.hash = register ? "#/broker" : "#/";
  };

  view.append(
    h("h1", { tabindex: -1 }, wanted.title),
    h("p", { class: "quiet" }, "Buys at a time, sells at a time, and watches the stop in between."),
    form(
      [
        field("email", "E-mail", { type: "email", autocomplete: "username", inputmode: "email", required: true }),
        field("password", "Password", { type: "password", autocomplete: wanted.autocomplete, required: true }, register ? "At least 8 characters." : ""),
        code,
      ],
      wanted.submit,
      send,
    ),
    register
      ? h("p", {}, "You have an account? ", h("a", { href: "#/login" }, "Log in"))
      : h("p", {}, "New here? ", h("a", { href: "#/register" }, "Create an account"), " · ", h("a", { href: "#/forgot" }, "Forgot your password?")),
  );
  if (sessionStorage.getItem("stopwatch:signed-out")) {
    sessionStorage.removeItem("stopwatch:signed-out");
    tell("You are signed out: log in again. What was started goes on by itself.", "warn");
  }
};
