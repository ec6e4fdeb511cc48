// Forms: sent once, errors read first, limits said while typing, unsaved input kept in this tab.

const PREFIX = "np-form:";
const UNLOCK_MS = 15000; // a request that hangs longer may be tried again; the idempotency key keeps that harmless

const keyOf = (form) => `${PREFIX}${location.pathname}:${form.id || [...document.forms].indexOf(form)}`;

const storage = (act) => {
  try {
    return act(sessionStorage);
  } catch {
    return null; // storage refused: nothing is kept, nothing breaks
  }
};

const kept = (control) =>
  control.name &&
  !control.matches("[type=hidden], [type=password], [type=file], [type=submit], [type=button], [data-private], [data-private] *");

const values = (form) => {
  const found = {};
  for (const control of form.elements) {
    if (!kept(control)) continue;
    if (control.matches("[type=checkbox], [type=radio]")) {
      if (control.checked) (found[control.name] ??= []).push(control.value);
    } else found[control.name] = [control.value];
  }
  return found;
};

const fill = (form, saved) => {
  for (const control of form.elements) {
    if (!kept(control)) continue;
    const mine = saved[control.name] ?? [];
    if (control.matches("[type=checkbox], [type=radio]")) control.checked = mine.includes(control.value);
    else if (mine.length) control.value = mine[0];
    // What was typed is never folded away.
    if (mine.length && mine[0] && !control.matches("[type=radio]")) control.closest("details")?.setAttribute("open", "");
  }
};

const forget = () =>
  storage((store) => Object.keys(store).filter((key) => key.startsWith(PREFIX)).forEach((key) => store.removeItem(key)));

const restore = (form) => {
  const key = keyOf(form);
  const saved = storage((store) => JSON.parse(store.getItem(key) ?? "null"));
  if (!saved) return;
  const arrived = performance.getEntriesByType("navigation")[0]?.type ?? "navigate";
  // The server answered: either it took the form, or it shows it again with what was typed.
  if (form.querySelector("[data-error-summary]") || (saved.sent && arrived === "navigate")) {
    storage((store) => store.removeItem(key));
    return;
  }
  fill(form, saved.values);
  form.classList.add("is-dirty");
};

const keep = (form, sent) =>
  storage((store) => store.setItem(keyOf(form), JSON.stringify({ values: values(form), sent })));

// ── limits ──
const figure = (text) => {
  const plain = text.trim().replace(/\u2212/g, "-").replace(",", ".");
  return /^-?\d+(\.\d+)?$/.test(plain) ? Number(plain) : null;
};

const rounded = (number) => String(Number(number.toFixed(6))).replace("-", "\u2212");

/** Says "In limits", by how much a value is over, or that it cannot be true, under an input with data-low or data-high. */
const judge = (input) => {
  const box = document.getElementById(`${input.id}-s`);
  if (!box) return;
  const value = figure(input.value);
  const low = input.dataset.low ? Number(input.dataset.low) : null;
  const high = input.dataset.high ? Number(input.dataset.high) : null;
  const unit = input.dataset.unit ? `\u00a0${input.dataset.unit.replaceAll(" ", "\u00a0")}` : "";
  let kind = "";
  let words = "";
  const least = input.dataset.least ? Number(input.dataset.least) : null;
  const most = input.dataset.most ? Number(input.dataset.most) : null;
  const isImpossible = value !== null && ((least !== null && value < least) || (most !== null && value > most));
  if (isImpossible) [kind, words] = ["stop", "Not possible. Check the figure"];
  else if (value !== null && low !== null && value < low) [kind, words] = ["stop", `${rounded(low - value)}${unit} under the limit`];
  else if (value !== null && high !== null && value > high) [kind, words] = ["stop", `${rounded(value - high)}${unit} over the limit`];
  else if (value !== null) [kind, words] = ["ok", "In limits"];
  else if (input.value.trim()) [kind, words] = ["stop", "Enter a number"];
  input.closest(".np-field")?.classList.toggle("is-bad", kind === "stop");
  input.toggleAttribute("aria-invalid", kind === "stop");
  if (kind === "stop") input.setAttribute("aria-invalid", "true");
  if (!kind) return box.replaceChildren();
  const status = document.createElement("span");
  status.className = `np-status is-${kind}`;
  const word = document.createElement("span");
  word.textContent = words;
  status.append(symbol(kind === "ok" ? "circle-check" : "alert-octagon"), word);
  box.replaceChildren(status);
};

/** An icon from the sprite, for words that scripts write. */
export const symbol = (name) => {
  const sprite = document.querySelector("script[data-sprite]")?.dataset.sprite ?? "";
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "np-i");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
};

// ── sending once ──
const unlock = (form) => {
  delete form.dataset.sending;
  form.classList.remove("is-sending");
  form.removeAttribute("aria-busy");
};

const onSubmit = (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.method !== "post") return;
  if (form.dataset.sending) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  if (form.matches("[action*='logout']")) forget();
  if (form.matches("[data-form]")) {
    keep(form, true);
    form.classList.remove("is-dirty");
  }
  form.dataset.sending = "1";
  form.classList.add("is-sending");
  form.setAttribute("aria-busy", "true");
  setTimeout(() => unlock(form), UNLOCK_MS);
};

let listening = false;
const listen = () => {
  if (listening) return;
  listening = true;
  document.addEventListener("submit", onSubmit, true);
  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (event.target.matches?.("[data-low], [data-high]")) judge(event.target);
    if (!form?.matches("[data-form]")) return;
    form.classList.add("is-dirty");
    keep(form, false);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt.closest?.("form");
    if (form) unlock(form);
  });
  addEventListener("pageshow", () => document.querySelectorAll("form[data-sending]").forEach(unlock));
  addEventListener("beforeunload", (event) => {
    if (document.querySelector("form[data-form].is-dirty:not(.is-sending)")) event.preventDefault();
  });
  if (location.pathname.startsWith("/accounts/login")) forget();
};

export const initForms = (root) => {
  listen();
  for (const form of root.querySelectorAll?.("form[data-form]") ?? []) restore(form);
  for (const input of root.querySelectorAll?.("[data-low], [data-high]") ?? []) if (input.value && !input.hasAttribute("aria-invalid")) judge(input);
  root.querySelector?.("[data-error-summary]")?.focus();
};
