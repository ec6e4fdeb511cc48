// The card “Verify in my browser”. This page fetches the evidence; a worker on the reader's machine judges it. Markup:
// [data-verify] with data-index and data-worker; inside it [data-start], [data-pause], [data-progress], [data-said]…
const FETCHED_AHEAD = 2;

class Card {
  constructor(element) {
    this.element = element;
    this.total = Number(element.dataset.count);
    this.part = (name) => element.querySelector(`[data-${name}]`);
    this.part("start").addEventListener("click", () => this.start());
    this.part("pause").addEventListener("click", () => this.pause());
    this.part("start").disabled = false;
  }

  async start() {
    Object.assign(this, { hold: 0, fail: 0, paused: false, startedAt: performance.now(), pausedFor: 0, records: 0, own: 0, failures: [], keys: [] });
    this.element.dataset.state = "running";
    for (const row of document.querySelectorAll("[data-proof-mark]")) mark(row, "plan", "To check");
    this.part("failures").replaceChildren();
    this.part("failed").hidden = true;
    this.part("result").hidden = true;
    this.part("running").hidden = false;
    this.part("start").hidden = true;
    this.part("pause").hidden = false;
    this.part("pause").textContent = "Pause";
    this.part("pause").focus();
    mark(this.part("state"), "move", "Checking");
    for (const check of this.element.querySelectorAll("[data-check]")) mark(check, "plan", "to come");
    try {
      await this.run();
    } catch (problem) {
      this.broke("", problem.message);
    }
    this.finish();
  }

  async run() {
    this.worker?.terminate();
    this.worker = new Worker(this.element.dataset.worker, { type: "module" });
    this.answers = new Map();
    this.worker.addEventListener("message", ({ data }) => this.answers.get(data.id)?.(data));
    this.worker.addEventListener("error", () => [...this.answers.values()].forEach((answer) => answer({ failed: true, problem: "the verifier could not be started" })));
    const indexText = await text(this.element.dataset.index);
    const index = JSON.parse(indexText);
    this.total = index.packs.reduce((sum, { proofs }) => sum + proofs, 0);
    this.show();
    const ready = await this.ask({ start: { index: indexText, shared: await text(index.shared) } });
    if (ready.failed) return this.broke("", ready.problem, "log");
    this.summary = ready.ready;
    this.records = ready.ready.records;
    this.keys = ready.ready.keys;
    this.tell("log", "ok", `checkpoint of ${grouped(this.summary.size)} records`);
    this.tell("keys", "ok", `${grouped(this.summary.members)} members, ${grouped(this.summary.protocols)} protocols, ${grouped(this.summary.devices)} loggers`);
    const fetched = new Map();
    for (let i = 0; i < index.packs.length; i += 1) {
      for (let ahead = i; ahead < Math.min(index.packs.length, i + FETCHED_AHEAD); ahead += 1) {
        if (!fetched.has(ahead)) fetched.set(ahead, settled(text(index.packs[ahead].url)));
      }
      await this.unpaused();
      await this.judge(index.packs[i], await fetched.get(i));
      fetched.delete(i);
    }
  }

  async judge(pack, { value, problem }) {
    const answer = problem ? { failed: true, problem } : await this.ask({ pack: value });
    if (answer.failed) {
      this.fail += pack.proofs;
      this.broke(pack.name, answer.problem, "records");
      mark(document.querySelector(`[data-proof-row="${CSS.escape(pack.therapy)}"] [data-proof-mark]`), "stop", "Fails");
      for (const row of this.segments()) mark(row, "stop", "Fails");
      return this.show();
    }
    const { segments, records } = answer.judged;
    this.records += records;
    this.own += records;
    let good = 0;
    for (const segment of segments) {
      const row = document.querySelector(`[data-proof-segment="${CSS.escape(segment.segment)}"] [data-proof-mark]`);
      if (segment.holds) good += 1;
      else this.broke(`${pack.name}, ${segment.title}`, segment.problem, "proofs");
      if (row && this.element.hasAttribute("data-single")) mark(row, segment.holds ? "proven" : "stop", segment.holds ? "Holds" : "Fails");
    }
    // A proof that the index promised and the chain lacks counts as a failure, not as nothing.
    const missing = pack.proofs - segments.length;
    if (missing > 0) this.broke(pack.name, `${missing} published proof${missing === 1 ? " is" : "s are"} not among the records`, "records");
    this.hold += good;
    this.fail += segments.length - good + Math.max(0, missing);
    const holds = missing <= 0 && good === segments.length;
    mark(document.querySelector(`[data-proof-row="${CSS.escape(pack.therapy)}"] [data-proof-mark]`), holds ? "proven" : "stop", holds ? "Holds" : "Fails");
    this.show();
  }

  /** The marks of the one therapy's segments, where the page is about one. */
  segments() {
    return this.element.hasAttribute("data-single") ? document.querySelectorAll("[data-proof-segment] [data-proof-mark]") : [];
  }

  ask(message) {
    const id = (this.asked = (this.asked ?? 0) + 1);
    return new Promise((resolve) => {
      this.answers.set(id, (answer) => {
        this.answers.delete(id);
        resolve(answer);
      });
      this.worker.postMessage({ id, ...message });
    });
  }

  pause() {
    if (this.paused) {
      this.pausedFor += performance.now() - this.pausedAt;
      this.paused = false;
      this.resume?.();
    } else {
      this.paused = true;
      this.pausedAt = performance.now();
    }
    this.part("pause").textContent = this.paused ? "Go on" : "Pause";
    mark(this.part("state"), this.paused ? "wait" : "move", this.paused ? "Paused" : "Checking");
    this.show();
  }

  unpaused() {
    return this.paused ? new Promise((resolve) => (this.resume = resolve)) : Promise.resolve();
  }

  show() {
    const done = this.hold + this.fail;
    const bar = this.part("progress");
    bar.max = Math.max(1, this.total);
    bar.value = done;
    this.part("held").textContent = grouped(this.hold);
    this.part("of").textContent = `of ${grouped(this.total)} ${this.hold === 1 && this.total === 1 ? "holds" : "hold"}`;
    this.part("count-hold").textContent = `${grouped(this.hold)} hold`;
    this.part("count-left").textContent = `${grouped(Math.max(0, this.total - done))} to check`;
    this.part("count-fail").textContent = `${grouped(this.fail)} fail`;
    this.part("count-fail").closest("span.np-status")?.classList.toggle("is-stop", this.fail > 0);
    const spent = performance.now() - this.startedAt - this.pausedFor;
    const left = done ? Math.ceil((spent / done) * (this.total - done) / 1000) : 0;
    this.part("left").textContent = this.paused ? "paused" : done && left > 0 ? `${left} s left` : "";
  }

  broke(where, problem, check = "") {
    this.failures.push({ where, problem });
    if (check) this.tell(check, "stop", "does not hold");
    const item = document.createElement("li");
    if (where) {
      const name = document.createElement("b");
      name.textContent = where;
      item.append(name, ": ");
    }
    item.append(`${problem}.`);
    this.part("failures").append(item);
    this.part("failed").hidden = false;
  }

  tell(name, kind, words) {
    const check = this.element.querySelector(`[data-check="${name}"]`);
    if (check && !(check.dataset.kind === "stop" && kind === "ok")) mark(check, kind, words);
  }

  finish() {
    const seconds = (performance.now() - this.startedAt - this.pausedFor) / 1000;
    const whole = !this.failures.length && this.hold === this.total && this.total > 0;
    if (whole) {
      this.tell("records", "ok", `${grouped(this.own)} records`);
      this.tell("facts", "ok", "all six equal");
      this.tell("proofs", "ok", `${grouped(this.hold)} of ${grouped(this.total)}`);
    }
    mark(this.part("state"), whole ? "proven" : "stop", whole ? "Verified" : "Not verified");
    this.element.dataset.state = whole ? "holds" : "fails";
    this.part("pause").hidden = true;
    this.part("start").hidden = false;
    this.part("start-word").textContent = "Verify again";
    this.part("left").textContent = "";
    const result = this.part("result");
    result.hidden = !whole;
    this.part("result-title").textContent = this.total === 1 ? "The proof holds" : `All ${grouped(this.total)} proofs hold`;
    this.part("result-detail").textContent = `${grouped(this.records)} signed records checked on this device in ${seconds.toFixed(1)} s`;
    this.part("said").textContent = whole
      ? `Verified: ${grouped(this.hold)} proofs hold, checked in ${seconds.toFixed(1)} seconds.`
      : `Not verified: ${grouped(Math.max(this.fail, 1))} of ${grouped(Math.max(this.total, 1))} proofs fail.`;
    if (!whole) this.part("failed").focus();
    else this.part("start").focus();
    this.worker?.terminate();
    this.worker = null;
  }
}

const grouped = (number) => number.toLocaleString("en-GB");

const ICONS = { ok: "circle-check", move: "progress", wait: "player-pause", plan: "circle-dashed", stop: "alert-octagon", proven: "rosette-discount-check" };

// Icon and word always, colour third: the class, the icon and the word change together.
function mark(element, kind, words) {
  if (!element) return;
  element.dataset.kind = kind;
  element.classList.remove(...Object.keys(ICONS).map((name) => `is-${name}`));
  element.classList.add(`is-${kind}`);
  const use = element.querySelector("use");
  use?.setAttribute("href", `${use.getAttribute("href").split("#")[0]}#${ICONS[kind]}`);
  const word = element.querySelector("[data-word]") ?? element.querySelector("span");
  if (word) word.textContent = words;
}

async function text(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  if (!answer.ok) throw new Error(answer.status === 401 ? "you are signed out; reload the page" : `the evidence could not be fetched (${answer.status})`);
  return answer.text();
}

const settled = (promise) => promise.then((value) => ({ value }), (problem) => ({ problem: problem.message }));

for (const element of document.querySelectorAll("[data-verify]")) new Card(element);
