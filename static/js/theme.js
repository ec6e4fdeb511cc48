// Sets light or dark before anything is painted: the reader's choice, else the device's. A classic script in <head>.
(() => {
  const KEY = "np-theme";
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const choice = () => {
    try {
      return localStorage.getItem(KEY) || "system";
    } catch {
      return "system";
    }
  };
  const apply = () => {
    const chosen = choice();
    set(chosen === "light" || chosen === "dark" ? chosen : dark.matches ? "dark" : "light");
  };
  const set = (theme) => {
    if (document.documentElement.dataset.bsTheme === theme) return;
    document.documentElement.dataset.bsTheme = theme;
    document.dispatchEvent(new CustomEvent("np:theme", { detail: { theme } }));
  };
  apply();
  dark.addEventListener("change", apply);
  addEventListener("beforeprint", () => set("light")); // paper is white, and charts are drawn for it
  addEventListener("afterprint", apply);
  addEventListener("storage", (event) => event.key === KEY && apply());
  addEventListener("DOMContentLoaded", () => {
    const chosen = choice();
    for (const radio of document.querySelectorAll("[data-theme-choice]")) {
      radio.checked = radio.dataset.themeChoice === chosen;
      radio.addEventListener("change", () => {
        try {
          localStorage.setItem(KEY, radio.dataset.themeChoice);
        } catch {
          // Private windows may refuse storage: the choice then lasts for this page only.
        }
        apply();
      });
    }
  });
})();
