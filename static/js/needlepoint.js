// The page's behaviour. Everything works without it, save what says that it is live, drawn or offline.
import { initBench } from "./bench.js";
import { initCharts } from "./charts.js";
import { initClocks } from "./clocks.js";
import { initForms } from "./form.js";
import { initLive } from "./live.js";
import { initMenus } from "./menus.js";
import { initOffline } from "./offline.js";
import { initPasskeys } from "./passkeys.js";
import { initScan } from "./scan.js";
import { initSigning } from "./sign.js";

const refresh = (root) => {
  initClocks(root);
  initCharts(root);
  initForms(root);
  initScan(root);
  initBench(root);
};

initMenus();
initPasskeys();
initOffline(refresh);
refresh(document);
// After the forms' own listener, which sends a form once.
initSigning(refresh);
initLive();
document.addEventListener("htmx:load", (event) => refresh(event.detail.elt));
