// Wedge scanners type like a very quick hand and end with Enter. A scan goes to the page's scan field wherever the
// focus is, so that it never lands in a volume or a remark.

const QUICK_MS = 40; // between two keys of a scanner on average; people need 80 and more
const PAUSE_MS = 150; // a longer pause begins something new; shorter hiccups of a busy machine do not
const SHORTEST = 6;
const SYMBOLOGY = /^\](?:[A-Za-z][0-9A-Za-z])/; // AIM identifier, ISO/IEC 15424: ]d2 is GS1 DataMatrix, ]C1 GS1-128

/** What the code says, without the scanner's own marks: AIM identifier, leading FNC1, blanks at the ends. */
export const normalise = (raw) =>
  raw
    .trim()
    .replace(SYMBOLOGY, "")
    .replace(/^[\u001d\u00e8]+/, "")
    .replace(/[\r\n\t]+$/, "")
    .trim();

const editable = (element) =>
  element instanceof HTMLElement && element.matches("input:not([type=checkbox], [type=radio], [type=button]), textarea, select");

const visible = (element) => element && element.checkVisibility?.() !== false && !element.disabled;

const field = () => {
  const wanted = [
    ...document.querySelectorAll("main [data-scan-focus]"),
    ...document.querySelectorAll("main [data-scan] input:not([type=hidden])"),
    // A place of its own for a scan, such as a seal: what stands in it already is not written over.
    ...[...document.querySelectorAll('main input[data-scan=""]')].filter((input) => !input.value),
    ...document.querySelectorAll("[data-scan] input:not([type=hidden])"),
  ];
  return wanted.find(visible);
};

const isOpen = (control) => {
  if (!control.required || control.disabled || control.readOnly || control.matches("[type=hidden]")) return false;
  if (control.checkVisibility?.() === false) return false;
  if (control.matches("[type=radio]")) return ![...control.form.elements].some((one) => one.name === control.name && one.checked);
  return control.matches("[type=checkbox]") ? !control.checked : !control.value;
};

/** What is still to be filled in: the next after this one, else the first of the form. */
const nextOpen = (input) => {
  const all = [...input.form.elements];
  const later = all.slice(all.indexOf(input) + 1);
  return later.find(isOpen) ?? all.find((one) => one !== input && isOpen(one));
};

const sender = (form) => [...form.elements].find((one) => one.matches("button[type=submit]") && visible(one));

/** Enter goes on to what is still open; only a form with nothing open is sent by it, and a scan never sends one. */
const goOn = (event, input, isScan) => {
  const form = input.form;
  if (!form || form.method !== "post" || !form.matches("[data-form], [data-offline]") || input.matches("textarea, [data-identity]")) return;
  if (input.closest("[data-scan-submit]")) return;
  const next = nextOpen(input);
  if (!next && !isScan) return;
  event.preventDefault();
  (next ?? sender(form))?.focus();
};

const accept = (input, raw) => {
  const value = normalise(raw);
  if (!value) return;
  const event = new CustomEvent("np:scan", { detail: { value, input }, cancelable: true });
  if (!document.dispatchEvent(event) || !input) return;
  input.value = value;
  input.classList.add("is-read");
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.focus();
  if (input.closest("[data-scan-submit]")) input.form?.requestSubmit();
  else if (input.form && nextOpen(input)) nextOpen(input).focus();
};

/** What was scanned stands alone in its place: it is not added to what was there. */
const fill = (input, value) => {
  if (input.value === value) return;
  input.value = value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
};

let burst = "";
let firstKeyAt = 0;
let lastKeyAt = -Infinity; // a scan may come in the page's first moment
let home = null;
let before = "";

const onKey = (event) => {
  if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
  const now = event.timeStamp;
  const goesOn = now - lastKeyAt < PAUSE_MS;
  if (event.key === "Enter") {
    const scanned = goesOn && burst.length >= SHORTEST && (lastKeyAt - firstKeyAt) / (burst.length - 1) < QUICK_MS;
    const here = event.target;
    // A place that agrees already takes nothing more: what is scanned there goes to the next one.
    const own = !home?.readOnly && home?.closest?.("[data-scan]");
    if (scanned && !own) {
      event.preventDefault();
      event.stopPropagation();
      if (editable(home) && "value" in home && !home.readOnly) {
        home.value = before;
        home.dispatchEvent(new Event("input", { bubbles: true }));
      }
      accept(field(), burst);
    } else if (editable(here) && here.closest("[data-scan]")) {
      fill(here, normalise(scanned && here === home ? burst : here.value));
      if (!here.value) event.preventDefault();
      else goOn(event, here, true);
      if (document.activeElement === here) here.select?.();
    } else if (editable(here)) {
      goOn(event, here, false);
    }
    burst = "";
    lastKeyAt = -Infinity; // the next code is a burst of its own, however quickly it follows
    return;
  }
  if (event.key.length !== 1) return;
  if (!goesOn) {
    burst = "";
    firstKeyAt = now;
    home = event.target;
    before = editable(home) && "value" in home ? home.value : "";
  }
  burst += event.key;
  lastKeyAt = now;
};

let listening = false;
export const initScan = (root) => {
  if (!listening) {
    document.addEventListener("keydown", onKey, true);
    // What was taken before its Enter came is no part of the next code.
    document.addEventListener("np:taken", () => {
      burst = "";
      lastKeyAt = -Infinity;
    });
    // The next scan, or key, takes the place of what stands there.
    document.addEventListener("focusin", ({ target }) => target.matches?.("input[data-scan], [data-scan] input") && target.select?.());
    listening = true;
  }
  const first = root.querySelector?.("[data-scan-focus]");
  // On a phone the focus would raise the keyboard over the page; a wedge scan finds its field anyway.
  const coarse = matchMedia("(pointer: coarse)").matches;
  if (first && !coarse && !document.querySelector("[data-error-summary]") && document.activeElement === document.body) {
    first.focus({ preventScroll: true });
  }
};
