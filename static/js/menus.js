// Disclosures of the shell, copy and print buttons: delegated, so that swapped content needs no wiring.

const closeOthers = (except) => {
  for (const menu of document.querySelectorAll("[data-menu][open]")) {
    if (menu !== except) menu.open = false;
  }
};

const toggle = (button) => {
  const part = document.getElementById(button.dataset.toggle);
  if (!part) return;
  const open = button.getAttribute("aria-expanded") !== "true";
  for (const other of document.querySelectorAll("[data-toggle]")) {
    const mine = other === button;
    other.setAttribute("aria-expanded", String(mine && open));
    document.getElementById(other.dataset.toggle)?.classList.toggle("is-open", mine && open);
  }
  if (open) part.querySelector("input, a")?.focus();
};

const copy = async (button) => {
  const word = button.querySelector("[data-copy-word]");
  const said = word?.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    if (word) word.textContent = "Copied";
  } catch {
    if (word) word.textContent = "Could not copy";
  }
  if (word) setTimeout(() => (word.textContent = said), 2000);
};

export const initMenus = () => {
  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    closeOthers(target?.closest("[data-menu]"));
    const pressed = target?.closest("[data-toggle], [data-copy], [data-print]");
    if (!pressed) return;
    if (pressed.matches("[data-toggle]")) toggle(pressed);
    else if (pressed.matches("[data-copy]")) copy(pressed);
    else window.print();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.querySelector("[data-menu][open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary")?.focus();
      return;
    }
    const button = document.querySelector("[data-toggle][aria-expanded='true']");
    if (button) {
      toggle(button);
      button.focus();
    }
  });
  alarm();
};

// A stop is felt and heard where the device allows it: two short tones, one vibration, once.
const alarm = () => {
  if (!document.querySelector("[data-alarm]")) return;
  if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.([300, 120, 300]);
  try {
    const context = new AudioContext();
    if (context.state !== "running") return;
    for (const start of [0, 0.35]) {
      const tone = context.createOscillator();
      tone.type = "square";
      tone.frequency.value = 620;
      tone.connect(context.destination);
      tone.start(context.currentTime + start);
      tone.stop(context.currentTime + start + 0.22);
    }
  } catch {
    // No sound device, or the reader has not touched the page yet: the screen says it all.
  }
};
