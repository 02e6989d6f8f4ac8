// Elements are made, never written as markup: a word from a user or a broker cannot become one.

/** Return an element. Properties named on… are listeners; null children are left out. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child || child === ""));
  return element;
}

/** Replace what an element holds; untouched where it is the same text already. */
export function fill(element, ...children) {
  const [only] = children;
  if (children.length === 1 && typeof only === "string") {
    if (element.textContent !== only) element.textContent = only;
    return;
  }
  element.replaceChildren(...children.flat().filter((child) => child || child === ""));
}

/** Show a sentence to the user; read aloud by screen readers. An empty one hides it; one that `stays` outlives the way to the next screen. */
export function tell(text, kind = "", stays = false) {
  const told = document.getElementById("told");
  if (!text && told.dataset.stays) return void delete told.dataset.stays;
  if (stays) told.dataset.stays = "1";
  told.className = `notice ${kind}`;
  told.textContent = text;
  told.hidden = !text;
  if (text) told.scrollIntoView({ block: "nearest" });
}

/** Ask one question; return the value of the chosen button, null when it was closed. */
export function ask(title, body, choices) {
  const dialog = document.getElementById("ask");
  fill(document.getElementById("ask-title"), title);
  fill(document.getElementById("ask-body"), ...[body].flat().map((line) => h("p", {}, line)));
  const buttons = choices.map(([value, words, look]) => h("button", { value, class: look ?? "" }, words));
  fill(document.getElementById("ask-choices"), ...buttons, h("button", { value: "", class: "plain" }, "Back"));
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue || null), { once: true });
  });
}

/** Return a labelled input; `hint` is a sentence under its label. */
export function field(name, words, attributes = {}, hint = "") {
  const input = attributes.options
    ? h("select", { id: name, name }, ...attributes.options.map(([value, text]) => h("option", { value }, text)))
    : h("input", { id: name, name, "aria-describedby": `${name}-wrong`, ...attributes });
  return h("label", { for: name }, words, hint ? h("small", {}, hint) : null, input,
    h("span", { class: "wrong", id: `${name}-wrong` }));
}

/** Show which fields are wrong, and why; focus the first. */
export function showWrong(form, errors) {
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  for (const wrong of form.querySelectorAll(".wrong")) wrong.textContent = "";
  let first = null;
  for (const input of form.elements) { // in the order they stand in, not in the server's
    const message = errors.find(({ field: name }) => name === input.name)?.message;
    const place = document.getElementById(`${input.name}-wrong`);
    if (!message || !place) continue;
    input.setAttribute("aria-invalid", "true");
    // "is required", "must be above 0": what is wrong is said of the field; whole sentences stand as they are.
    const label = /^[a-z]/.test(message) ? `${input.labels[0].firstChild.textContent} ` : "";
    place.textContent = `${label}${message}`.replace(/([^.])$/, "$1.");
    first ??= input;
  }
  first?.focus();
  return first !== null;
}

/** Return a form that calls `send` with its values; a refusal is shown at the fields it names, or on top. */
export function form(fields, submit, send) {
  const button = h("button", { type: "submit" }, submit);
  const made = h("form", { class: "fields", novalidate: true }, ...fields, button);
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    tell("");
    try {
      await send(Object.fromEntries([...new FormData(made)].map(([name, value]) => [name, value.trim?.() ?? value])));
    } catch (problem) {
      if (!showWrong(made, problem.errors ?? [])) tell(problem.message, "warn");
    } finally {
      button.disabled = false;
    }
  });
  return made;
}
