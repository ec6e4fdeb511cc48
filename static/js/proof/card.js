// The card “Verify in my browser”: takes evidence from a source, and workers on the reader's machine judge it. Markup:
// [data-verify]; inside it [data-start], [data-pause], [data-stop], [data-save], [data-progress], [data-said]…
import { utc } from "./time.js";

const MOST_WORKERS = 8;
const MOST_AT_ONCE = 24;
const TURNS_A_WORKER = 25;

/**
 * One card. `live` says that the evidence is asked of a log that goes on, so that its checkpoint may not be older than
 * five minutes; without it the age is said and not judged. `source` is `{ index(), shared(index), pack(entry) }`, each a promise of the evidence's text as it came;
 * `makeWorker` starts a worker; `keep`, where there is one, is given every text that was judged.
 */
export class Card {
  constructor(element, { source, makeWorker, keep = null, live = false }) {
    Object.assign(this, { element, source, makeWorker, keep, live });
    this.total = Number(element.dataset.count);
    this.part = (name) => element.querySelector(`[data-${name}]`);
    this.part("start").addEventListener("click", () => this.start());
    this.part("pause").addEventListener("click", () => this.pause());
    this.part("stop")?.addEventListener("click", () => this.stop());
    this.part("start").disabled = false;
  }

  async start() {
    Object.assign(this, { hold: 0, fail: 0, paused: false, stopped: false, startedAt: performance.now(), pausedFor: 0, records: 0, own: 0, failures: [], keys: [] });
    this.element.dataset.state = "running";
    for (const row of document.querySelectorAll("[data-proof-mark]")) mark(row, "plan", "To check");
    this.part("failures").replaceChildren();
    this.part("failed").hidden = true;
    this.part("result").hidden = true;
    this.part("running").hidden = false;
    this.part("start").hidden = true;
    for (const name of ["pause", "stop"]) if (this.part(name)) this.part(name).hidden = false;
    if (this.part("save")) this.part("save").hidden = true;
    this.part("pause").textContent = "Pause";
    this.part("pause").focus();
    mark(this.part("state"), "move", "Checking");
    for (const check of this.element.querySelectorAll("[data-check]")) mark(check, "plan", "to come");
    this.vouched(null);
    this.workers = [];
    try {
      await this.run();
    } catch (problem) {
      if (!this.stopped) this.broke("", problem.message);
    }
    this.finish();
  }

  async run() {
    const since = this.live ? Math.floor(Date.now() / 1000) : null;
    const indexText = await this.source.index();
    const index = JSON.parse(indexText);
    this.total = index.packs.reduce((sum, { proofs }) => sum + proofs, 0);
    this.show();
    const shared = await this.source.shared(index);
    await this.keep?.begin(indexText, shared);
    const many = Math.max(1, Math.min(navigator.hardwareConcurrency || 2, MOST_WORKERS, Math.ceil(index.packs.length / 4)));
    const size = Math.max(1, Math.min(MOST_AT_ONCE, Math.ceil(index.packs.length / (many * TURNS_A_WORKER))));
    const batches = [];
    for (let i = 0; i < index.packs.length; i += size) batches.push(index.packs.slice(i, i + size));
    await Promise.all(Array.from({ length: many }, (_, place) => this.work(place, batches, { index: indexText, shared, own: this.ownWitnesses(), since })));
  }

  // One worker: it takes batch after batch until none is left; the next one is fetched while it judges.
  async work(place, batches, start) {
    const worker = new Asked(this.makeWorker());
    this.workers.push(worker);
    const ready = await worker.ask({ start });
    if (this.stopped) return;
    if (ready.failed) {
      batches.length = 0;
      if (place === 0) this.broke("", ready.problem, ready.check ?? "log");
      return;
    }
    if (place === 0) this.began(ready.ready);
    const fetched = () => {
      const batch = batches.shift();
      return batch && { batch, texts: Promise.all(batch.map((entry) => settled(this.source.pack(entry)))) };
    };
    for (let next = fetched(); next && !this.stopped; ) {
      const { batch, texts } = next;
      const had = await texts;
      await this.unpaused();
      if (this.stopped) return;
      next = fetched();
      await this.judge(worker, batch, had);
    }
  }

  began(summary) {
    this.summary = summary;
    this.records += summary.records;
    this.keys = summary.keys;
    this.vouched(summary.vouched);
    this.tell("log", "ok", `checkpoint of ${grouped(summary.size)} records`);
    this.tell("keys", "ok", `${grouped(summary.members)} members, ${grouped(summary.protocols)} protocols, ${grouped(summary.devices)} loggers`);
  }

  /** Witnesses' keys that the reader has from elsewhere, and how many of them have to have co-signed. */
  ownWitnesses() {
    return { keys: this.part("own-witnesses")?.value ?? "", quorum: this.part("own-quorum")?.value ?? "" };
  }

  /** Say who co-signed, when, and whose keys said so; with null say nothing yet. */
  vouched(found) {
    const place = this.part("vouched");
    if (place) place.replaceChildren(...(found ? vouchedWords(found) : []));
    if (!found) return;
    if (!found.asked) this.tell("witnesses", "plan", "none asked for");
    else this.tell("witnesses", "ok", `${found.held} of ${found.of}, ${found.need} asked for`);
  }

  async judge(worker, batch, had) {
    const texts = had.filter(({ problem }) => !problem).map(({ value }) => value);
    for (const text of texts) await this.keep?.add(text);
    const answer = texts.length ? await worker.ask({ packs: texts }) : { judged: [] };
    if (this.stopped) return;
    const judged = [...(answer.judged ?? texts.map(() => answer))];
    batch.forEach((pack, i) => this.judged(pack, had[i].problem ? { failed: true, problem: had[i].problem } : judged.shift()));
  }

  judged(pack, answer) {
    const row = document.querySelector(`[data-proof-row="${CSS.escape(pack.therapy)}"] [data-proof-mark]`);
    if (!answer.failed && answer.therapy !== pack.therapy) answer = { failed: true, problem: "the evidence is of another therapy" };
    if (answer.failed) {
      this.fail += pack.proofs;
      this.broke(pack.name, answer.problem, "records");
      mark(row, "stop", "Fails");
      for (const each of this.segments()) mark(each, "stop", "Fails");
      return this.show();
    }
    const { segments, records } = answer;
    this.records += records;
    this.own += records;
    let good = 0;
    for (const segment of segments) {
      const own = document.querySelector(`[data-proof-segment="${CSS.escape(segment.segment)}"] [data-proof-mark]`);
      if (segment.holds) good += 1;
      else this.broke(`${pack.name}, ${segment.title}`, segment.problem, "proofs");
      if (own && this.element.hasAttribute("data-single")) mark(own, segment.holds ? "proven" : "stop", segment.holds ? "Holds" : "Fails");
    }
    // A proof that the index promised and the chain lacks counts as a failure, not as nothing.
    const missing = pack.proofs - segments.length;
    if (missing > 0) this.broke(pack.name, `${missing} published proof${missing === 1 ? " is" : "s are"} not among the records`, "records");
    this.hold += good;
    this.fail += segments.length - good + Math.max(0, missing);
    mark(row, missing <= 0 && good === segments.length ? "proven" : "stop", missing <= 0 && good === segments.length ? "Holds" : "Fails");
    this.show();
  }

  /** End the run where it is: what was checked stays said, and nothing is called verified. */
  stop() {
    this.stopped = true;
    for (const worker of this.workers) worker.end();
    if (this.paused) this.pause();
  }

  /** The marks of the one therapy's segments, where the page is about one. */
  segments() {
    return this.element.hasAttribute("data-single") ? document.querySelectorAll("[data-proof-segment] [data-proof-mark]") : [];
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
    const whole = !this.stopped && !this.failures.length && this.hold === this.total && this.total > 0;
    const [done, half] = [this.hold + this.fail, this.stopped && !this.failures.length];
    if (whole) {
      this.tell("records", "ok", `${grouped(this.own)} records`);
      this.tell("facts", "ok", "all six equal");
      this.tell("proofs", "ok", `${grouped(this.hold)} of ${grouped(this.total)}`);
    }
    mark(this.part("state"), whole ? "proven" : half ? "wait" : "stop", whole ? "Verified" : half ? "Stopped" : "Not verified");
    this.element.dataset.state = whole ? "holds" : half ? "stopped" : "fails";
    for (const name of ["pause", "stop"]) if (this.part(name)) this.part(name).hidden = true;
    if (this.part("save")) this.part("save").hidden = this.stopped || !this.keep?.any;
    this.part("start").hidden = false;
    this.part("start-word").textContent = "Verify again";
    this.part("left").textContent = "";
    const result = this.part("result");
    result.hidden = !whole;
    this.part("result-title").textContent = this.total === 1 ? "The proof holds" : `All ${grouped(this.total)} proofs hold`;
    this.part("result-detail").textContent = `${grouped(this.records)} signed records checked on this device in ${seconds.toFixed(1)} s`;
    this.part("said").textContent = whole
      ? `Verified: ${grouped(this.hold)} proofs hold, checked in ${seconds.toFixed(1)} seconds.`
      : half
        ? `Stopped: ${grouped(done)} of ${grouped(this.total)} proofs were checked, and those hold. The others were not looked at.`
        : `Not verified: ${grouped(Math.max(this.fail, 1))} of ${grouped(Math.max(this.total, 1))} proofs fail.`;
    if (half) this.part("left").textContent = "stopped; the others were not looked at";
    if (this.failures.length) this.part("failed").focus();
    else this.part("start").focus();
    for (const worker of this.workers) worker.end();
  }
}

/** Who vouches for the checkpoint, in paragraphs. */
function vouchedWords({ asked, own, live, cosigners, at }) {
  const whose = own ? "By the keys that you gave." : "By the keys that came with the evidence: whoever made it could have made them. Give those that you have from the members.";
  const words = asked
    ? [`Co-signed by ${cosigners.map((one) => `${one.name} at ${utc(one.at)}`).join("; ")}.`, whose]
    : ["Nobody has to co-sign this log's checkpoints: the log alone vouches for them, and for their being the newest. Give witnesses' keys that you have from the members to ask for more."];
  if (!live) {
    const when = at ? `The quorum spoke for it at ${utc(at)}` : "It has no time of a quorum";
    words.push(`${when}; how the log stands now, a kept file cannot say. Ask a proof page of the portal, which takes no checkpoint older than five minutes where a quorum is asked for.`);
  }
  return words.map((text) => Object.assign(document.createElement("p"), { textContent: text }));
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

/** A worker that is asked, and answers each question by its number. */
class Asked {
  constructor(worker) {
    this.worker = worker;
    this.answers = new Map();
    this.number = 0;
    worker.addEventListener("message", ({ data }) => this.answers.get(data.id)?.(data));
    worker.addEventListener("error", () => this.give({ failed: true, problem: "the verifier could not be started" }));
  }

  ask(message) {
    const id = (this.number += 1);
    return new Promise((resolve) => {
      this.answers.set(id, (answer) => {
        this.answers.delete(id);
        resolve(answer);
      });
      this.worker.postMessage({ id, ...message });
    });
  }

  give(answer) {
    for (const waiting of [...this.answers.values()]) waiting(answer);
  }

  /** Ends it; who still waits for an answer is told so. */
  end() {
    this.worker.terminate();
    this.give({ failed: true, problem: "the run was stopped" });
  }
}

const settled = (promise) => promise.then((value) => ({ value }), (problem) => ({ problem: problem.message }));
