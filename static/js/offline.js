// The courier's queue. A form with data-offline is sent by fetch; where there is no signal its fields wait in
// IndexedDB with an idempotency key and the time of the scan, and go out in order when the signal is back.
import { clock } from "./clocks.js";

const STORE = "scans";
const EVERY_MS = 20000;

let opened = null;
const database = () =>
  (opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("np-offline", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "order", autoIncrement: true });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  }));

const act = async (mode, work) => {
  const store = (await database()).transaction(STORE, mode).objectStore(STORE);
  return new Promise((resolve, reject) => {
    const request = work(store);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
};

const waiting = () => act("readonly", (store) => store.getAll());

const freshKey = () => {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
};

const token = () => {
  try {
    return JSON.parse(document.body.getAttribute("hx-headers") ?? "{}")["X-CSRFToken"] ?? "";
  } catch {
    return "";
  }
};

const post = (action, fields) => {
  const body = new URLSearchParams(fields);
  body.delete("csrfmiddlewaretoken");
  return fetch(action, { method: "POST", body, headers: { "X-CSRFToken": token(), "X-Needlepoint-Queue": "1" } });
};

const signedOut = (response) => new URL(response.url).pathname.startsWith("/accounts/login");

const show = async () => {
  const rows = await waiting().catch(() => []);
  const count = rows.length;
  const refused = rows.filter((row) => row.refused).length;
  for (const bar of document.querySelectorAll("[data-queue]")) {
    bar.hidden = !count;
    if (!count) continue;
    const scans = `${count} ${count === 1 ? "scan" : "scans"}`;
    const words = refused
      ? `${refused} of ${scans} could not be taken. Call dispatch`
      : navigator.onLine === false
        ? `No signal. ${scans} waiting`
        : `${scans} waiting to be sent`;
    bar.querySelector("[data-queue-word]").textContent = words;
    const detail = refused ? rows.find((row) => row.refused).refused : `Safe on this device since ${clock(new Date(rows[0].at), {})}`;
    bar.querySelector("[data-queue-since]").textContent = detail;
  }
};

const keep = async (action, fields) => {
  await act("readwrite", (store) => store.add({ action, fields, at: Date.now() }));
  document.dispatchEvent(new CustomEvent("np:queued"));
  await show();
};

/** What a refusal says in words: the error summary or the stop of the page that came back. */
const reason = async (response) => {
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const said = page.querySelector(".np-stop__h p, [data-error-summary] p, main h1");
  return said?.textContent.trim() || `Refused (${response.status})`;
};

let sending = false;
export const send = async () => {
  if (sending || navigator.onLine === false) return show();
  sending = true;
  try {
    for (const row of await waiting()) {
      if (row.refused) continue;
      const response = await post(row.action, row.fields);
      if (signedOut(response) || response.status >= 500 || response.status === 429) break;
      if (response.ok) {
        await act("readwrite", (store) => store.delete(row.order));
        document.dispatchEvent(new CustomEvent("np:sent"));
      } else {
        const refused = await reason(response);
        await act("readwrite", (store) => store.put({ ...row, refused }));
      }
    }
  } catch {
    // Still no way through: what waits, waits on.
  }
  sending = false;
  return show();
};

const announce = (form) => {
  const note = document.createElement("div");
  note.className = "np-note is-due";
  note.setAttribute("role", "status");
  const text = document.createElement("div");
  const word = document.createElement("b");
  word.textContent = "No signal. The scan is kept on this device and sent when the signal is back";
  text.append(word);
  note.append(document.createElement("span"), text);
  form.before(note);
  setTimeout(() => note.remove(), 8000);
};

export const initOffline = (refresh) => {
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches?.("form[data-offline]") || event.defaultPrevented) return;
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(form, event.submitter));
    fields.idempotency_key ||= freshKey();
    fields.occurred_at ||= new Date().toISOString();
    try {
      if (navigator.onLine === false) throw new TypeError("offline");
      const response = await post(form.action, fields);
      if (response.status >= 502) throw new TypeError("no way through");
      const next = response.headers.get("X-Needlepoint-Next");
      if (next || (response.redirected && response.ok)) return location.assign(next ?? response.url);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      document.title = page.title;
      document.body.replaceWith(document.adoptNode(page.body));
      refresh(document);
      globalThis.htmx?.process(document.body);
      document.getElementById("main")?.focus();
    } catch (problem) {
      if (!(problem instanceof TypeError)) throw problem;
      await keep(form.action, fields);
      announce(form);
      form.reset();
      for (const name of ["idempotency_key", "occurred_at"]) if (form.elements[name]) form.elements[name].value = "";
    } finally {
      delete form.dataset.sending;
      form.classList.remove("is-sending");
    }
  });
  document.addEventListener("click", (event) => event.target.closest?.("[data-queue-send]") && send());
  addEventListener("online", send);
  addEventListener("offline", show);
  if (document.querySelector("[data-queue], form[data-offline]")) {
    send();
    setInterval(send, EVERY_MS);
  }
};
