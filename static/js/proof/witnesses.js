// Who co-signed a checkpoint, and when: cosignature/v1 with Ed25519 (C2SP tlog-cosignature) under a policy (C2SP
// tlog-policy), by the rules of ledger/crypto/policy.py. ML-DSA-44 keys are known here and never counted as spoken.
import { hex } from "./encoding.js";
import { base64, checkedKey, digest, Doubt, doubt, noteParts, signed, splitTwice } from "./log.js";
import { utc } from "./time.js";

const TEXT = new TextEncoder();
const [ED25519_COSIGNATURE, MLDSA44_COSIGNATURE] = [4, 6];
const TIME_BYTES = 8;
const NONE = "none";

/** Older than this, a quorum's word on which checkpoint is the newest is not taken. Seconds. */
export const MAX_AGE = 300;

/** What failed is the witnesses' part, not the log's own. */
export class Unwitnessed extends Doubt {
  check = "witnesses";
}

const refuse = (message) => {
  throw new Unwitnessed(message);
};

/** A witness's verifier key. `publicKey` is null where this browser cannot check the signature (ML-DSA-44). */
export function readWitnessKey(vkey) {
  const [name, id, encoded] = splitTwice(vkey, "+");
  const material = base64(encoded);
  const [type] = material;
  if (type !== ED25519_COSIGNATURE && type !== MLDSA44_COSIGNATURE) doubt(`the key of ${name} is not one of a witness`);
  if (hex(digest(TEXT.encode(`${name}\n`), material).subarray(0, 4)) !== id) doubt(`the key of ${name} does not have the id that it names`);
  if (type === ED25519_COSIGNATURE && material.length !== 33) doubt(`the key of ${name} is not 32 bytes long`);
  return { name, keyId: id, publicKey: type === ED25519_COSIGNATURE ? checkedKey(material.subarray(1)) : null };
}

/** The policy in a text: `{ witnesses, groups, quorum }`. Addresses and logs say nothing about who is enough. */
export function readPolicy(text) {
  const policy = { witnesses: new Map(), groups: new Map(), quorum: null };
  const fresh = (name) => (name === NONE || policy.witnesses.has(name) || policy.groups.has(name) ? doubt(`the policy names “${name}” twice`) : name);
  const known = (name) => policy.witnesses.has(name) || policy.groups.has(name);
  const [used, keys] = [new Set(), new Set()];
  for (const line of text.split("\n")) {
    const [kind, ...words] = line.trim().split(/[ \t]+/);
    if (!kind || kind.startsWith("#") || kind === "log") continue;
    if (kind === "witness" && (words.length === 2 || words.length === 3)) {
      if (keys.has(words[1])) doubt("the policy has the same key twice");
      keys.add(words[1]);
      policy.witnesses.set(fresh(words[0]), readWitnessKey(words[1]));
    } else if (kind === "group" && words.length > 2) {
      const [name, asked, ...members] = words;
      for (const member of members) {
        if (!known(member) || used.has(member)) doubt(`the policy's group ${name} has a member that is unknown or used twice`);
        used.add(member);
      }
      const need = asked === "all" ? members.length : asked === "any" ? 1 : /^[1-9][0-9]{0,4}$/.test(asked) ? Number(asked) : Infinity;
      if (need > members.length) doubt(`the policy's group ${name} asks for more than it has`);
      policy.groups.set(fresh(name), { need, members });
    } else if (kind === "quorum" && words.length === 1 && policy.quorum === null && (words[0] === NONE || known(words[0]))) {
      policy.quorum = words[0];
    } else {
      doubt(`the policy's line “${line.trim().slice(0, 40)}” is not understood`);
    }
  }
  if (policy.quorum === null) doubt("the policy names no quorum");
  return policy;
}

/** The reader's own keys, one a line, and how many witnesses have to have spoken (all of them, if not said). */
export function ownPolicy({ keys, quorum = "" }) {
  const lines = keys.split("\n").map((line) => line.trim()).filter(Boolean);
  const names = new Map();
  lines.forEach((vkey, i) => {
    const { name } = readWitnessKey(vkey);
    names.set(name, [...(names.get(name) ?? []), `key-${i}`]);
  });
  const asked = String(quorum).trim();
  if (asked && !/^[1-9][0-9]{0,2}$/.test(asked)) doubt("how many witnesses have to have co-signed is a whole number from 1");
  if (Number(asked) > names.size) doubt(`${asked} witnesses are asked for and keys of ${names.size} were given`);
  const witnesses = lines.map((vkey, i) => `witness key-${i} ${vkey}`);
  const groups = [...names.values()].map((own, i) => `group member-${i} any ${own.join(" ")}`);
  const members = groups.map((_, i) => `member-${i}`).join(" ");
  return readPolicy([...witnesses, ...groups, `group members ${asked || "all"} ${members}`, "quorum members"].join("\n"));
}

/**
 * One run's judge of co-signatures. `policy` is the text that came with the evidence, `own` the reader's
 * `{ keys, quorum }`, which take its place. `since` is when the evidence was asked for (POSIX seconds): then only
 * co-signatures from five minutes before it count, and none from five minutes ahead of this device's clock. Null is for
 * evidence that was kept, whose age is said and not judged.
 */
export class Vouching {
  constructor({ policy = "", own = null, since = null, clock = () => Date.now() / 1000 } = {}) {
    this.given = Boolean(own?.keys?.trim());
    try {
      this.policy = this.given ? ownPolicy(own) : policy ? readPolicy(policy) : null;
    } catch (problem) {
      refuse(problem.message);
    }
    if (this.policy?.quorum === NONE) this.policy = null;
    Object.assign(this, { since, clock, judged: new Map() });
  }

  /**
   * Who co-signed this note: `{ asked, own, live, need, of, cosigners: [{ name, at }], at }`; `at` is since when the
   * quorum stands. Throws where it is too few, or too old.
   */
  of(note) {
    if (!this.judged.has(note)) this.judged.set(note, this.#judged(note));
    return this.judged.get(note);
  }

  // Each note once: members' logs come again with every therapy of a run.
  #judged(note) {
    const { policy, given, since } = this;
    const said = { asked: Boolean(policy), own: given, live: since !== null, need: 0, of: 0, cosigners: [], at: null };
    if (!policy) return said;
    const found = cosignatures(note, policy);
    Object.assign(said, tally(policy, found), { cosigners: latest(found) });
    if (!met(policy, found)) refuse(this.#tooFew(said, found));
    const until = this.clock() + MAX_AGE;
    const current = since === null ? found : found.filter(({ at }) => at >= since - MAX_AGE && at <= until);
    if (met(policy, current)) return Object.assign(said, { at: quorumSince(policy, current) });
    if (met(policy, found.filter(({ at }) => at >= since - MAX_AGE))) {
      refuse("the witnesses' co-signatures are from more than five minutes ahead of this device's clock: one of the clocks is wrong");
    }
    return refuse(`the checkpoint is older than five minutes: enough witnesses last co-signed it at ${utc(quorumSince(policy, found))}. Do not rely on it, load it anew`);
  }

  #tooFew({ held, need, of }, found) {
    const unread = [...this.policy.witnesses.values()].some(({ publicKey }) => publicKey === null);
    const whose = this.given ? "by the keys that you gave" : "by the policy that came with it";
    const names = found.length ? ` (${latest(found).map(({ name }) => name).join(", ")})` : "";
    const blind = unread ? "; ML-DSA-44 keys are not checked in a browser" : "";
    return `the checkpoint is not co-signed by enough: ${held} of ${of}${names}, and ${need} are asked for ${whose}${blind}`;
  }
}

// Every line under a known key has to be genuine, as in `notes.open_note`; one of an unknown key says nothing.
function cosignatures(note, { witnesses }) {
  const { text, lines } = noteParts(note);
  const found = [];
  for (const [place, { name, keyId, publicKey }] of witnesses) {
    if (publicKey === null) continue;
    const own = lines.filter((line) => line.name === name && line.keyId === keyId);
    if (own.length > 1) refuse(`${name} stands twice under the checkpoint with the same key`);
    for (const { signature } of own) {
      if (signature.length !== TIME_BYTES + 64) refuse(`the co-signature of ${name} is not 72 bytes long`);
      const at = Number(new DataView(signature.buffer, signature.byteOffset, TIME_BYTES).getBigUint64(0));
      const message = TEXT.encode(`cosignature/v1\ntime ${at}\n${text}`);
      if (!Number.isSafeInteger(at) || !signed(signature.subarray(TIME_BYTES), message, publicKey)) refuse(`the co-signature of ${name} is not genuine`);
      found.push({ place, name, at });
    }
  }
  return found;
}

function met({ witnesses, groups, quorum }, found) {
  const spoke = new Set(found.map(({ place }) => place));
  const holds = (name) => (witnesses.has(name) ? spoke.has(name) : groups.get(name).members.filter(holds).length >= groups.get(name).need);
  return holds(quorum);
}

// How many of the quorum's own members hold, how many have to, and how many there are.
function tally(policy, found) {
  const { need, members } = policy.groups.get(policy.quorum) ?? { need: 1, members: [policy.quorum] };
  return { held: members.filter((name) => met({ ...policy, quorum: name }, found)).length, need, of: members.length };
}

// The latest moment since which the policy is met by signatures that are no older.
function quorumSince(policy, found) {
  const newest = [...found].sort((a, b) => b.at - a.at);
  return newest.find((_, i) => met(policy, newest.slice(0, i + 1)))?.at ?? null;
}

function latest(found) {
  const names = new Map();
  for (const { name, at } of found) names.set(name, Math.max(at, names.get(name) ?? 0));
  return [...names].map(([name, at]) => ({ name, at })).sort((a, b) => (a.name < b.name ? -1 : 1));
}
