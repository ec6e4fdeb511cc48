// What signed records say: members' keys, protocols, verification keys, loggers, and one therapy's chain. Each record
// is checked on the way (log.js); whether the shared rules admitted it is not replayed here, witnesses do that.
import { parseBytes } from "./encoding.js";
import { readKey } from "./groth16.js";
import { base64, canonical, checkInclusion, digest, doubt, keyId, openCheckpoint, openRecord, readLogKey } from "./log.js";
import { hex } from "./encoding.js";

const GENESIS = "0".repeat(64);
const KEY_KINDS = { unsafe_proof_key: false, proof_key: true };
const TEXT = new TextEncoder();

/** The checkpoint that a run stands on; `trusted` is one that was opened before, which another has to equal. */
export function readCheckpoint({ note, vkey, size }, trusted = null) {
  const checkpoint = openCheckpoint(note, readLogKey(vkey));
  if (checkpoint.size !== size) doubt("the evidence speaks of another checkpoint than it names");
  if (trusted && (trusted.root !== checkpoint.root || trusted.size !== checkpoint.size || trusted.origin !== checkpoint.origin)) {
    doubt("the evidence stands on another checkpoint than the one that was asked for");
  }
  return checkpoint;
}

/** What every therapy's proofs rest on. `count` is the number of records checked. */
export function readShared(shared, checkpoint) {
  readCheckpoint(shared, checkpoint);
  const parties = new Map();
  const facts = { parties, protocols: new Map(), keys: new Map(), devices: [], count: 0 };
  const opened = shared.records.map((record) => ({ record, envelope: envelopeOf(record, checkpoint) }));
  opened.sort((a, b) => a.record.index - b.record.index);
  for (const { envelope } of opened) {
    const { entry } = openRecord(envelope, (claimed) => keysOf(parties, claimed));
    if (entry.log !== checkpoint.origin) doubt("a record belongs to another log");
    learn(facts, entry);
    facts.count += 1;
  }
  facts.devices.sort((a, b) => a.place - b.place);
  return facts;
}

/** One therapy's chain: `{ therapy, protocol, done, readings, proofs, refused, count, complete }`. */
export function readChain(pack, facts, checkpoint) {
  readCheckpoint(pack, checkpoint);
  const chain = { therapy: pack.therapy, protocol: "", done: {}, readings: {}, proofs: [], refused: [], count: 0, complete: !pack.stated };
  const offers = new Map();
  let [seq, prev] = [0, GENESIS];
  for (const record of pack.records) {
    const { entry, hash } = openRecord(envelopeOf(record, checkpoint), (claimed) => keysOf(facts.parties, claimed));
    if (entry.log !== checkpoint.origin || entry.chain_kind !== "therapy" || entry.subject !== pack.therapy) {
      doubt("a record of another therapy was put among the evidence");
    }
    if (chain.complete && (entry.seq !== seq || entry.prev !== prev)) doubt(`record ${seq} of the therapy's chain is missing or not linked`);
    [seq, prev] = [entry.seq + 1, hash];
    replay(chain, entry, offers);
    chain.count += 1;
  }
  if (pack.stated) {
    chain.protocol = pack.stated.protocol;
    Object.assign(chain.done, pack.stated.done);
    for (const [leg, { root }] of Object.entries(pack.stated.readings)) chain.readings[leg] = root;
  }
  return chain;
}

function envelopeOf(record, checkpoint) {
  const envelope = base64(record.envelope);
  checkInclusion(record, envelope, checkpoint);
  return envelope;
}

// The first member of all enrols itself: the consortium's operator. Every other key was put on the ledger before use.
function keysOf(parties, entry) {
  const party = parties.get(entry.signer.party);
  if (party) return party.keys;
  if (parties.size === 0 && entry.type === "ledger.party.enrolled/v1" && entry.subject === entry.signer.party) {
    return { [keyId(entry.body.public_key)]: entry.body.public_key };
  }
  return {};
}

function learn({ parties, protocols, keys, devices }, entry) {
  const { type, subject, body, signer } = entry;
  const operator = () => parties.get(signer.party)?.kind === "operator" || doubt("a record of the operator has another author");
  if (entry.chain_kind === "register") {
    parseBytes(body.public_key, 32);
    if (type === "ledger.party.enrolled/v1") {
      if (parties.size) operator();
      parties.set(subject, { kind: body.kind, name: body.name, keys: {} });
    } else if (signer.party !== subject) {
      doubt("a member's key was added by another member");
    }
    parties.get(subject).keys[keyId(body.public_key)] = body.public_key;
  } else if (type === "ledger.document.published/v1") {
    operator();
    const name = hex(digest(TEXT.encode(canonical(body.document))));
    if (body.kind === "protocol") protocols.set(name, body.document);
    if (Object.hasOwn(KEY_KINDS, body.kind)) {
      const key = readKey(body.document);
      keys.set(key.digest, { key, ceremony: KEY_KINDS[body.kind], circuit: body.code });
    }
  } else if (type === "custody.device.registered/v1") {
    devices.push({ place: body.place, point: [body.babyjubjub.x, body.babyjubjub.y] });
  }
}

function replay(chain, { type, body }, offers) {
  if (type === "custody.therapy.ordered/v1") chain.protocol = body.protocol;
  if (typeof body.step === "string" && typeof body.leaf === "string") {
    chain.done[body.step] = { leaf: body.leaf, test_leaf: body.test_leaf };
    if (body.handoff && type === "custody.handoff.offered/v1") offers.set(body.handoff, body.step);
  }
  // A hand-over that was refused is open again.
  if (type === "custody.handoff.refused/v1" && offers.has(body.handoff)) delete chain.done[offers.get(body.handoff)];
  if (type === "custody.readings.committed/v1") chain.readings[body.leg] ??= body.root;
  if (type === "custody.proof.published/v1") chain.proofs.push(body);
  if (type === "custody.proof.refused/v1") chain.refused.push(body);
}
