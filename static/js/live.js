// Live status. A frame {"id", "kind", "subject"} says "this changed, fetch it again"; the page fetches what it shows.
// The socket opens with ?since=<last id>, so a reconnect misses nothing; "ready" ends the replay, and "refetch-all"
// stands for more changes than are worth naming.
import { clock } from "./clocks.js";

const GATHER_MS = 60; // frames that come together cause one fetch
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15000;
const NO_LONGER_MEMBER = 4403; // the socket's close code when the session ended or the membership did
const OFF_AFTER_MS = 60000; // without a connection for so long, the page calls itself offline

let lastId = "";
let state = ""; // nothing said yet: the page came with "Connecting"
let heardAt = Date.now();
let socket = null;
let wait = FIRST_WAIT_MS;
let retry = 0;
let gathered = [];

const show = () => {
  const box = document.querySelector("[data-live-state]");
  if (!box || !state) return;
  box.classList.remove("is-live", "is-old", "is-off");
  box.classList.add(state === "out" ? "is-off" : `is-${state}`);
  const word = box.querySelector("[data-live-word]");
  const at = box.querySelector("[data-live-at]");
  const words = {
    live: "Live",
    old: `Last heard ${clock(new Date(heardAt))}, trying again`,
    off: `Offline since ${clock(new Date(heardAt), {})}`,
    out: "Signed out. Reload the page to sign in again",
  };
  if (word && word.textContent !== words[state]) word.textContent = words[state];
  if (at) at.hidden = state !== "live";
};

const become = (next) => {
  if (state !== next) {
    state = next;
    document.dispatchEvent(new CustomEvent("np:live", { detail: { state } }));
  }
  show();
};

const changedAt = (date) => {
  const at = document.querySelector("[data-live-state] [data-live-at]");
  if (!at) return;
  const time = document.createElement("time");
  time.dateTime = date.toISOString();
  time.title = `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;
  time.textContent = clock(date);
  at.replaceChildren(", last change ", time);
};

/** data-live="" follows everything; else any of its words must fit: a subject's id, or "kind:custody.handoff". */
const follows = (element, frame) => {
  if (frame.kind === "refetch-all") return true;
  const words = element.dataset.live.split(/\s+/).filter(Boolean);
  return !words.length || words.some((word) => word === frame.subject || fitsKind(word, frame.kind));
};

const fitsKind = (word, kind) => word.startsWith("kind:") && String(kind).startsWith(word.slice(5));

const isBusy = (element) => {
  const active = document.activeElement;
  const typing = active && element.contains(active) && active.matches("input, textarea, select");
  return typing || Boolean(element.querySelector("form.is-dirty"));
};

const refetch = (element, detail) => {
  // Never pull a half-filled form from under a hand: the fetch waits until the hand has left it.
  if (isBusy(element)) {
    if (element.dataset.livePending) return;
    element.dataset.livePending = "1";
    element.addEventListener(
      "focusout",
      () => {
        delete element.dataset.livePending;
        setTimeout(() => element.isConnected && refetch(element, detail), 50);
      },
      { once: true },
    );
    return;
  }
  element.dispatchEvent(new CustomEvent("np:changed", { detail, bubbles: false }));
};

const deliver = () => {
  const frames = gathered;
  gathered = [];
  changedAt(new Date());
  for (const frame of frames) document.dispatchEvent(new CustomEvent("np:changed", { detail: frame }));
  for (const element of document.querySelectorAll("[data-live]")) {
    const frame = frames.find((each) => follows(element, each));
    if (frame) refetch(element, frame);
  }
};

const receive = (event) => {
  let frame;
  try {
    frame = JSON.parse(event.data);
  } catch {
    return;
  }
  heardAt = Date.now();
  if (frame.id !== undefined && frame.id !== null) lastId = String(frame.id);
  become("live");
  if (frame.kind === "ready") return;
  if (!gathered.length) setTimeout(deliver, GATHER_MS);
  gathered.push(frame);
};

const connect = () => {
  clearTimeout(retry);
  retry = 0;
  const path = document.body.dataset.liveUrl;
  if (!path || (socket && socket.readyState <= WebSocket.OPEN)) return;
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const since = lastId ? `?since=${encodeURIComponent(lastId)}` : "";
  socket = new WebSocket(`${scheme}//${location.host}${path}${since}`);
  socket.addEventListener("open", () => {
    wait = FIRST_WAIT_MS;
    heardAt = Date.now();
    become("live");
  });
  socket.addEventListener("message", receive);
  socket.addEventListener("close", (event) => {
    socket = null;
    if (event.code === NO_LONGER_MEMBER) return become("out");
    become(navigator.onLine === false || Date.now() - heardAt > OFF_AFTER_MS ? "off" : "old");
    if (retry) return;
    retry = setTimeout(connect, wait * (0.75 + Math.random() / 2));
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  });
};

const watch = () => {
  if ((state === "old" || !state) && Date.now() - heardAt > OFF_AFTER_MS) become("off");
};

export const initLive = () => {
  if (!document.body.dataset.liveUrl) return;
  lastId = document.body.dataset.liveSince || "";
  connect();
  setInterval(watch, 1000);
  addEventListener("online", () => {
    wait = FIRST_WAIT_MS;
    if (state !== "out") connect();
  });
  addEventListener("offline", () => become("off"));
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && connect());
  addEventListener("pagehide", () => socket?.close());
  addEventListener("pageshow", (event) => event.persisted && connect());
  // A swapped-in part comes with the word it has on a new page.
  document.addEventListener("htmx:load", show);
  // A refetch that is answered by the sign-in page must not be swapped into a corner of this one.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (new URL(event.detail.xhr.responseURL || location.href).pathname.startsWith("/accounts/")) {
      event.detail.shouldSwap = false;
      location.reload();
    }
  });
};
