// “Verify in my browser” on a disclosure. On this machine: each value with its salt and path gives a commitment; the
// holder signed for it in a record that stands in the log; and where the therapy's own record is shown, that one, or a
// correction of the patient's identity since, had committed to it before. The values never leave the page.
import { base64, canonical, checkInclusion, digest, doubt, memberLogKey, openCheckpoint, openRecord } from "./log.js";
import { hex, parseBytes } from "./encoding.js";
import { readCheckpoint, readShared } from "./facts.js";
import { utc } from "./time.js";
import { Vouching } from "./witnesses.js";

const TEXT = new TextEncoder();
const DOMAIN = TEXT.encode("needlepoint/commitment/v1\0");
const SHOWING = ["custody.disclosure.answered/v1", "custody.disclosure.given/v1"];
const ICONS = { proven: "rosette-discount-check", stop: "alert-octagon", move: "progress" };

/** SHA-256 over the domain and JCS([salt, path, value]): as ledger/crypto/commitments.py. */
export function commitment({ salt, path, value }) {
  parseBytes(salt, 16);
  return hex(digest(DOMAIN, TEXT.encode(canonical([salt, path, value]))));
}

/**
 * What is found of each field, by its name: `{ holds, words }`, and who vouches for the checkpoint. Throws when the
 * evidence itself does not hold, or when it was asked for at `since` and its quorum is older than five minutes.
 */
export function judge(fields, pack, shared, { since = null } = {}) {
  const checkpoint = readCheckpoint(pack);
  const vouching = new Vouching({ policy: pack.policy, since });
  const vouched = vouching.of(pack.note);
  const facts = readShared(shared, checkpoint, vouching);
  const entries = open(pack, facts, checkpoint);
  const shown = new Map();
  for (const { type, chain_kind: kind, subject, body, signer } of entries) {
    if (kind !== "disclosure" || subject !== pack.disclosure) doubt("a record of another disclosure was put among the evidence");
    if (SHOWING.includes(type)) for (const [name, made] of Object.entries(body.shown)) shown.set(name, { made, by: signer.party });
  }
  const sources = pack.sources ? committed(open(pack.sources, facts, checkpoint), pack.therapy) : null;
  const results = fields.map((field) => {
    const made = commitment(field);
    const said = shown.get(field.name);
    if (!said || said.made !== made) return { name: field.name, holds: false, words: "not what was signed for" };
    if (sources && !sources.has(made)) return { name: field.name, holds: false, words: "not in the therapy’s record" };
    const holder = facts.parties.get(said.by)?.name ?? "its holder";
    return { name: field.name, holds: true, words: sources ? "As the therapy’s record committed" : `As ${holder} signed` };
  });
  return { results, vouched };
}

function open(pack, facts, checkpoint) {
  return pack.records.map((record) => {
    const tree = treeOf(record.log, pack, facts, checkpoint);
    const envelope = base64(record.envelope);
    checkInclusion(record, envelope, tree);
    const { entry } = openRecord(envelope, (claimed) => facts.parties.get(claimed.signer.party)?.keys ?? {});
    if (entry.log !== tree.origin) doubt("a record belongs to another log");
    return entry;
  });
}

function treeOf(code, pack, facts, checkpoint) {
  if (!code) return checkpoint;
  const { note, size } = pack.logs?.[code] ?? doubt("a record's log shows no checkpoint");
  const { key } = facts.logs.get(code) ?? doubt("the operator has announced no such log");
  const tree = openCheckpoint(note, memberLogKey(`${checkpoint.origin}/${code}`, key));
  if (tree.size !== size) doubt("the evidence speaks of another checkpoint than it names");
  facts.vouching?.of(note);
  return tree;
}

/** What the therapy's records have committed to, and corrections by the centre that ordered, of the patient it ordered for. */
function committed(entries, therapy) {
  const found = new Set();
  const order = entries.find(({ chain_kind: kind, body }) => kind === "therapy" && body.identity);
  for (const { chain_kind: kind, subject, body, signer } of entries) {
    const corrects = kind === "patient" && order && body.patient === order.body.patient && signer.party === order.signer.party;
    if (!corrects && (kind !== "therapy" || subject !== therapy)) doubt("a record of another therapy was put among the evidence");
    for (const made of [...Object.values(body.identity ?? {}), ...Object.values(body.sealed ?? {})]) found.add(made);
  }
  return found;
}

// The keys are those that the portal says are the witnesses': said, since whoever lies could lie about those too.
function witnessed({ asked, held, of, at }) {
  if (!asked) return "Nobody has to co-sign this log: it alone vouches for its checkpoint.";
  return `${held} of ${of} witnesses co-signed the log at ${utc(at)}, by the keys that this portal names.`;
}

async function json(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  if (answer.status === 409) throw new Error("too few witnesses co-signed the log in the last five minutes; try again when they speak");
  if (!answer.ok) throw new Error(answer.status === 401 ? "you are signed out; reload the page" : `the evidence could not be fetched (${answer.status})`);
  return answer.json();
}

function mark(name, kind, words) {
  const status = document.querySelector(`[data-disclosed="${CSS.escape(name)}"] .np-status`);
  if (!status) return;
  status.classList.remove("is-plan", "is-proven", "is-stop", "is-move");
  status.classList.add(`is-${kind}`);
  const use = status.querySelector("use");
  use?.setAttribute("href", `${use.getAttribute("href").split("#")[0]}#${ICONS[kind]}`);
  status.querySelector("span").textContent = words;
}

async function run(element) {
  const said = element.querySelector("[data-said]");
  const fields = JSON.parse(document.getElementById("disclosed-fields").textContent);
  for (const { name } of fields) mark(name, "move", "Checking");
  element.dataset.state = "running";
  try {
    const since = Math.floor(Date.now() / 1000);
    const pack = await json(element.dataset.evidence);
    const { results, vouched } = judge(fields, pack, await json(pack.shared), { since });
    for (const { name, holds, words } of results) mark(name, holds ? "proven" : "stop", words);
    const bad = results.filter(({ holds }) => !holds).length;
    element.dataset.state = bad ? "fails" : "holds";
    said.textContent = bad ? `${bad} of ${results.length} do not hold.` : `Verified: all ${results.length} hold, checked on this device. ${witnessed(vouched)}`;
  } catch (problem) {
    for (const { name } of fields) mark(name, "stop", "Not verified");
    element.dataset.state = "fails";
    said.textContent = `Not verified: ${problem.message}.`;
  }
}

if (typeof document !== "undefined") {
  for (const element of document.querySelectorAll("[data-disclosure]")) {
    element.querySelector("[data-check-disclosure]").addEventListener("click", () => run(element));
  }
}
