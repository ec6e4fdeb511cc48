// What signed records say: members' keys, protocols, verification keys, loggers, and one therapy's chain. Each record
// is checked on the way (log.js); whether the shared rules admitted it is not replayed here, witnesses do that.
import { parseBytes } from "./encoding.js";
import { readKey } from "./groth16.js";
import { base64, canonical, checkInclusion, digest, doubt, keyId, memberLogKey, openCheckpoint, openRecord, readLogKey } from "./log.js";
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

/**
 * The checkpoint of each log that the evidence stands on: the operator's is given, and it holds the records that
 * announce the others (`facts.logs`) with their keys. The witnesses have to have spoken for each (`facts.vouching`).
 */
function treesOf(evidence, facts, checkpoint) {
  const trees = new Map([["", checkpoint]]);
  return (code = "") => {
    if (!trees.has(code)) {
      if (!Object.hasOwn(evidence.logs ?? {}, code)) doubt("a record's log shows no checkpoint");
      const { note, size } = evidence.logs[code];
      const { key } = facts.logs.get(code) ?? doubt("the operator has announced no such log");
      const tree = openCheckpoint(note, memberLogKey(`${checkpoint.origin}/${code}`, key));
      if (tree.size !== size) doubt("the evidence speaks of another checkpoint than it names");
      facts.vouching?.of(note);
      trees.set(code, tree);
    }
    return trees.get(code);
  };
}

/** A record stands in the log that it names: its author's own, or the operator's. */
function checkHome({ log = "" }, entry, tree, facts) {
  if (entry.log !== tree.origin) doubt("a record belongs to another log");
  if (log && facts.logs.get(log).party !== entry.signer.party) doubt("a record stands in another member's log");
}

/** What every therapy's proofs rest on. `count` is the number of records checked; `vouching` judges members' logs. */
export function readShared(shared, checkpoint, vouching = null) {
  readCheckpoint(shared, checkpoint);
  const parties = new Map();
  const facts = { parties, protocols: new Map(), keys: new Map(), devices: [], logs: new Map(), count: 0, vouching };
  const treeOf = treesOf(shared, facts, checkpoint);
  // The operator's log first: members, and the logs of members, are announced in it.
  const ordered = [...shared.records].sort((a, b) => Number(a.log > "") - Number(b.log > "") || a.index - b.index);
  for (const record of ordered) {
    const tree = treeOf(record.log);
    const { entry } = openRecord(envelopeOf(record, tree), (claimed) => keysOf(parties, claimed));
    checkHome(record, entry, tree, facts);
    learn(facts, entry);
    facts.count += 1;
  }
  facts.devices.sort((a, b) => a.place - b.place);
  return facts;
}

/**
 * One therapy's chain: `{ therapy, protocol, done, readings, proofs, refused, count, complete }`. Its signatures are put
 * into the list `later`: nothing of the chain may be believed before they were checked.
 */
export function readChain(pack, facts, checkpoint, later) {
  readCheckpoint(pack, checkpoint);
  const chain = { therapy: pack.therapy, protocol: "", done: {}, readings: {}, proofs: [], refused: [], count: 0, complete: !pack.stated };
  const offers = new Map();
  const treeOf = treesOf(pack, facts, checkpoint);
  let [seq, prev, from] = [0, GENESIS, ""];
  for (const record of pack.records) {
    const tree = treeOf(record.log);
    const { entry, hash } = openRecord(envelopeOf(record, tree), (claimed) => keysOf(facts.parties, claimed), later);
    checkHome(record, entry, tree, facts);
    if (entry.chain_kind !== "therapy" || entry.subject !== pack.therapy) {
      doubt("a record of another therapy was put among the evidence");
    }
    if (chain.complete && (entry.seq !== seq || entry.prev !== prev)) doubt(`record ${seq} of the therapy's chain is missing or not linked`);
    if (chain.complete && (entry.prev_log ?? "") !== (from && from !== entry.log ? from : "")) doubt("a record does not name the log of the one before it");
    [seq, prev, from] = [entry.seq + 1, hash, entry.log];
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

function learn({ parties, protocols, keys, devices, logs }, entry) {
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
  } else if (type === "ledger.log.opened/v1") {
    operator();
    logs.set(body.code, { party: subject, key: body.public_key });
  } else if (type === "ledger.document.published/v1") {
    operator();
    const name = hex(digest(TEXT.encode(canonical(body.document))));
    if (body.kind === "protocol") protocols.set(name, body.document);
    if (Object.hasOwn(KEY_KINDS, body.kind)) {
      const key = readKey(body.document);
      keys.set(key.digest, { key, ceremony: KEY_KINDS[body.kind], circuit: `${body.code}/v${String(body.version).split(".")[0]}` });
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
