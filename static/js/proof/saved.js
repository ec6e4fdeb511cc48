// The page that was saved: evidence stands in it, and it is judged with no server at all. Bundled with its worker into
// static/build/verifier.html by scripts/build-static.
import { Card } from "./card.js";

const held = document.getElementById("evidence");
const code = document.getElementById("worker").textContent;
const worker = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));

async function lines() {
  const packed = await (await fetched(held.textContent)).stream().pipeThrough(new DecompressionStream("gzip"));
  return (await new Response(packed).text()).split("\n").filter(Boolean);
}

// No request leaves a saved page: its policy forbids every one, so base64 is read here.
async function fetched(text) {
  const parts = [];
  for (let i = 0; i < text.length; i += 1 << 20) {
    const binary = atob(text.slice(i, i + (1 << 20)));
    parts.push(Uint8Array.from(binary, (character) => character.charCodeAt(0)));
  }
  return new Blob(parts);
}

const say = (name, words) => {
  for (const place of document.querySelectorAll(`[data-say="${name}"]`)) place.textContent = words;
};

async function open() {
  if (!held) {
    say("title", "There is no evidence in this file");
    return;
  }
  const [index, shared, ...packs] = await lines();
  const found = JSON.parse(index);
  // The index keeps its order; the packs came as they were judged.
  const byTherapy = new Map(packs.map((pack) => [JSON.parse(pack).therapy, pack]));
  const [, size, root] = found.note.split("\n");
  const total = found.packs.reduce((sum, { proofs }) => sum + proofs, 0);
  const count = (number, noun, plural = `${noun}s`) => `${number.toLocaleString("en-GB")} ${number === 1 ? noun : plural}`;
  say("title", `${count(total, "proof")} of ${count(found.packs.length, "therapy", "therapies")}`);
  say("size", `${Number(size).toLocaleString("en-GB")} records`);
  say("root", root);
  say("vkey", found.vkey);
  const element = document.querySelector("[data-verify]");
  element.dataset.count = String(total);
  const source = {
    index: async () => index,
    shared: async () => shared,
    pack: async ({ therapy }) => byTherapy.get(therapy) ?? Promise.reject(new Error("its evidence is not in this file")),
  };
  new Card(element, { source, makeWorker: () => new Worker(worker) });
  const field = document.getElementById("own-key");
  const judge = () => {
    const given = field.value.trim();
    const same = given === found.vkey;
    say("own", given === "" ? "Not compared yet" : same ? "The same key" : "Another key: this file is not of the log that you know");
    document.querySelector("[data-own]").className = `np-status ${given === "" ? "is-plan" : same ? "is-ok" : "is-stop"}`;
  };
  field.addEventListener("input", judge);
  judge();
}

open().catch((problem) => say("title", `This file cannot be read: ${problem.message}`));
