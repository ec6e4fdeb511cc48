// The bench: a step's own timer. Pressing it sets “Started” to this moment in the site's zone and counts down.
import { clock } from "./clocks.js";

const pad = (number) => String(number).padStart(2, "0");

/** A moment as a datetime-local control wants it, in the site's zone. */
const local = (date) => {
  const zone = document.body.dataset.zone || "UTC";
  const shape = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone };
  const part = Object.fromEntries(new Intl.DateTimeFormat("en-GB", shape).formatToParts(date).map((one) => [one.type, one.value]));
  return `${part.year}-${part.month}-${part.day}T${part.hour}:${part.minute}`;
};

const running = (seconds) => {
  const total = Math.abs(Math.floor(seconds));
  return `${pad(Math.floor(total / 3600))}:${pad(Math.floor((total % 3600) / 60))}:${pad(total % 60)}`;
};

const storeKey = () => `np-bench:${location.pathname}`;

const kept = () => {
  try {
    return Number(sessionStorage.getItem(storeKey())) || 0;
  } catch {
    return 0; // storage refused: the timer lives as long as the page
  }
};

const show = (box, since) => {
  const left = since / 1000 + Number(box.dataset.benchTimer) * 60 - Date.now() / 1000;
  const output = box.querySelector("[data-bench-left]");
  output.textContent = left >= 0 ? running(left) : `${running(left)} over`;
  output.classList.toggle("np-stopword", left < 0);
  const words = left >= 0 ? `left, since ${clock(new Date(since))}` : `over, since ${clock(new Date(since))}`;
  const word = box.querySelector("[data-bench-word]");
  if (word.textContent !== words) word.textContent = words;
};

const run = (box, since) => {
  clearInterval(Number(box.dataset.ticking));
  show(box, since);
  box.dataset.ticking = setInterval(() => show(box, since), 1000);
  box.querySelector("[data-bench-start]").lastChild.textContent = "Start anew";
};

export const initBench = (root) => {
  for (const box of root.querySelectorAll?.("[data-bench-timer]") ?? []) {
    if (box.dataset.ready) continue;
    box.dataset.ready = "1";
    if (kept()) run(box, kept());
    box.querySelector("[data-bench-start]").addEventListener("click", () => {
      const now = Date.now();
      try {
        sessionStorage.setItem(storeKey(), String(now));
      } catch {
        // as above
      }
      const started = document.querySelector("input[name='started_at']");
      if (started) {
        started.value = local(new Date(now));
        started.dispatchEvent(new Event("input", { bubbles: true }));
      }
      run(box, now);
    });
  }
};
