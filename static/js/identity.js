// Identity scans: each turns green as it agrees with the therapy and the item that the screen asks for, and one of another
// therapy goes to the server at once, which halts the therapy. This is feedback for the eye only: the server compares again
// and decides.

import { labelIn, plain, whyNot } from "./labels.js";

const SETTLE_MS = 700; // after the last key of a scanner that ends without Enter
const WHOLE_MS = 120; // a code that agrees may go on: a scanner's next key comes sooner
const HABIT_MS = 1500; // the Enter of a hand that typed an identity: the focus has gone on by then

const clock = () =>
  new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: document.body.dataset.zone || undefined }).format(new Date());

const show = (root, state) => {
  for (const part of root.querySelectorAll("[data-when]")) part.hidden = part.dataset.when !== state;
};

const form = document.querySelector("form[data-identity-of]");
const expected = form?.dataset.identityOf ?? "";
const inputs = [...(form?.querySelectorAll("[data-identity]") ?? [])];
const rowOf = (input) => input.closest("[data-check]");
const NAMED = 4; // characters of the item that follow the identity
const lengthOf = (input) => expected.length + ("named" in input.dataset ? NAMED : 0);
const others = (input) => inputs.filter((one) => one !== input).map((one) => one.value);

/** Whether this label is the one that the field asks for. */
const fits = (label, input) => label?.coi === expected && !whyNot(label, input, others(input));
const agrees = (input) => fits(labelIn(input.value), input);

const say = (input, words, isWrong = false) => {
  const note = rowOf(input)?.querySelector("[data-check-note]");
  if (!note) return;
  note.textContent = words;
  note.classList.toggle("np-stopword", isWrong);
};

const draw = (input) => {
  const row = rowOf(input);
  const is = agrees(input);
  row?.classList.toggle("is-ok", is);
  row?.classList.toggle("is-plan", !is);
  if (row) show(row, is ? "ok" : "open");
  input.readOnly = is;
  input.classList.toggle("is-read", is);
  const again = row?.querySelector("[data-again]");
  if (again) again.hidden = !is;
};

const verdict = () => {
  const whole = document.querySelector("[data-verdict]");
  const done = inputs.length > 0 && inputs.every(agrees);
  const agreed = document.querySelector("[data-all-agree]");
  if (agreed) agreed.hidden = !done;
  if (!whole) return;
  // One thing after the other: what is to be answered and signed appears once everything agrees.
  form.dataset.stage = done || form.querySelector("[data-error-summary]") ? "sign" : "scan";
  if (done === whole.classList.contains("is-ok")) return;
  whole.classList.toggle("is-ok", done);
  whole.classList.toggle("is-open", !done);
  show(whole, done ? "ok" : "open");
  const word = whole.querySelector("[data-verdict-word]");
  const text = whole.querySelector("[data-verdict-text]");
  text.dataset.first ??= text.textContent;
  word.textContent = done ? "Match" : "Scan";
  text.textContent = done ? text.dataset.match : text.dataset.first;
};

/** The first thing to answer once every identity agrees. */
const afterwards = () =>
  [...form.elements].find((one) => one.matches("input:not([type=hidden], [data-identity]), select, textarea") && one.checkVisibility?.() !== false);

const judge = (input, isWhole) => {
  const found = labelIn(input.value);
  if (fits(found, input)) {
    input.value = found.code;
    draw(input);
    say(input, `agrees, ${clock()}`);
    verdict();
    if (isWhole) (inputs.find((one) => !agrees(one)) ?? afterwards())?.focus();
    return;
  }
  draw(input);
  verdict();
  if (!isWhole || !input.value.trim()) return say(input, "");
  if (found && found.coi !== expected) {
    // Another therapy's identity: nobody gets to type it away.
    say(input, "This is another therapy. Stopping.", true);
    form.requestSubmit();
  } else {
    const misread = `That is no label’s code: ${lengthOf(input)} letters and digits. Scan it again.`;
    say(input, found ? whyNot(found, input, others(input)) : misread, true);
    input.select();
  }
};

// What was typed agrees at its last character and the focus goes on; the Enter that follows from habit sends nothing.
let typedAt = -HABIT_MS;
// On the window, before any other handler of the page hears of it.
window.addEventListener(
  "keydown",
  (event) => {
    if (event.key !== "Enter" || event.timeStamp - typedAt > HABIT_MS || !event.target.matches?.("input, select")) return;
    typedAt = -HABIT_MS;
    event.preventDefault();
    event.stopImmediatePropagation();
  },
  true,
);

let waiting = 0;
for (const input of inputs) {
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    // Half of a code with its prefix may look like a whole one without: only what agrees is taken at once.
    const label = labelIn(input.value);
    if (fits(label, input)) {
      const take = () => {
        typedAt = performance.now();
        document.dispatchEvent(new CustomEvent("np:taken"));
        judge(input, true);
      };
      if (label.letter) return take();
      waiting = setTimeout(take, WHOLE_MS);
      return;
    }
    judge(input, false);
    if (plain(input.value).length >= lengthOf(input)) waiting = setTimeout(() => judge(input, true), SETTLE_MS);
  });
  input.addEventListener("change", () => {
    clearTimeout(waiting);
    judge(input, true);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    clearTimeout(waiting);
    judge(input, true);
  });
  rowOf(input)
    ?.querySelector("[data-again]")
    ?.addEventListener("click", () => {
      input.value = "";
      draw(input);
      say(input, "");
      verdict();
      input.focus();
    });
  if (input.value) judge(input, false);
}
if (inputs.length) verdict();

// A scan that comes while no field has the focus goes to the first item that is still open; one that agrees already is
// not taken again, and where nothing is open only another therapy's is, which stops.
document.addEventListener("np:scan", (event) => {
  if (!inputs.length) return;
  event.preventDefault();
  const label = labelIn(event.detail.value);
  if (label?.coi === expected && inputs.some((one) => agrees(one) && one.value === label.code)) return;
  const isAnothers = label && label.coi !== expected;
  const next = inputs.find((one) => !agrees(one)) ?? (isAnothers ? inputs.at(-1) : undefined);
  if (!next) return;
  next.value = event.detail.value;
  judge(next, true);
});
