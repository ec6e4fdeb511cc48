// What a record's evidence rests on: signed notes (C2SP signed-note, tlog-checkpoint), RFC 6962 inclusion, DSSE
// envelopes over RFC 8785 canonical JSON, Ed25519. The same checks as ledger/crypto; everything here throws a Doubt.
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { genuine } from "./batch.js";
import { hex, parseBytes } from "./encoding.js";

const TEXT = new TextEncoder();
const PAYLOAD_TYPE = "application/vnd.needlepoint.record+json";
const MAX_PATH = 63;
const ED25519_NOTE = 1;

export const NOT_GENUINE = "a record's signature is not genuine";

/** A check that failed; the message is a sentence for a person. */
export class Doubt extends Error {}

export const doubt = (message) => {
  throw new Doubt(message);
};

/** SHA-256 over parts, without copying them into one. */
export function digest(...parts) {
  const hash = sha256.create();
  for (const part of parts) hash.update(part);
  return hash.digest();
}

export function base64(text) {
  let binary;
  try {
    binary = atob(text);
  } catch {
    doubt("something is not base64");
  }
  if (btoa(binary) !== text) doubt("base64 is not in its one spelling");
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** The canonical JSON (RFC 8785) of a value without floats. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value && typeof value === "object") {
    const members = Object.keys(value).sort();
    return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
  }
  if (typeof value === "number" && !Number.isSafeInteger(value)) doubt("a number in a record is not a whole number");
  return JSON.stringify(value);
}

/** The JSON object in canonical bytes; anything else is refused. */
export function readCanonical(bytes) {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  const value = JSON.parse(text);
  if (canonical(value) !== text) doubt("a record is not in canonical form");
  return value;
}

/** A verifier key of a log: name, key id and public key. */
export function readLogKey(vkey) {
  const [name, id, encoded] = splitTwice(vkey, "+");
  const material = base64(encoded);
  if (material.length !== 33 || material[0] !== ED25519_NOTE) doubt("the log's key is not an Ed25519 key");
  const keyId = digest(TEXT.encode(`${name}\n`), material).subarray(0, 4);
  if (hex(keyId) !== id) doubt("the log's key does not have the id that it names");
  return { name, keyId: id, publicKey: checkedKey(material.subarray(1)) };
}

/** The key of a member's log of this name, as the operator announced it (hex). */
export function memberLogKey(name, announced) {
  const publicKey = parseBytes(announced, 32);
  const keyId = digest(TEXT.encode(`${name}\n`), Uint8Array.of(ED25519_NOTE), publicKey).subarray(0, 4);
  return { name, keyId: hex(keyId), publicKey: checkedKey(publicKey) };
}

/** A note's text and the lines under it: `{ text, lines: [{ name, keyId, signature }] }` (C2SP signed-note). */
export function noteParts(note) {
  const cut = note.lastIndexOf("\n\n");
  if (cut < 0) doubt("the checkpoint has no signature");
  const lines = note.slice(cut + 2).replace(/\n$/, "").split("\n").map((line) => {
    const [dash, name, encoded, ...more] = line.split(" ");
    if (dash !== "\u2014" || !encoded || more.length) doubt("a signature's line under the checkpoint is not well formed");
    const material = base64(encoded);
    return { name, keyId: hex(material.subarray(0, 4)), signature: material.subarray(4) };
  });
  return { text: note.slice(0, cut + 1), lines };
}

/** The checkpoint in a note that the log signed: `{ origin, size, root }`. */
export function openCheckpoint(note, logKey) {
  const { text, lines } = noteParts(note);
  const own = lines.find(({ name, keyId }) => name === logKey.name && keyId === logKey.keyId);
  if (!own) doubt("the log did not sign the checkpoint");
  if (!signed(own.signature, TEXT.encode(text), logKey.publicKey)) doubt("the log's signature on the checkpoint is not genuine");
  const [origin, size, root] = text.split("\n");
  if (origin !== logKey.name || !/^(0|[1-9][0-9]{0,15})$/.test(size)) doubt("the checkpoint is of another log");
  const bytes = base64(root);
  if (bytes.length !== 32) doubt("the checkpoint's root is not 32 bytes long");
  return { origin, size: Number(size), root: hex(bytes) };
}

/** RFC 9162 §2.1.3.2: the leaf stands at `index` of the tree with this size and root. */
export function checkInclusion({ index, path }, envelope, { size, root }) {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size || path.length > MAX_PATH) doubt("a record lies outside the checkpoint");
  let fn = index;
  let sn = size - 1;
  let node = digest(Uint8Array.of(0), envelope);
  for (const text of path) {
    if (sn === 0) doubt("a record's path is too long");
    const sibling = parseBytes(text, 32);
    if (fn % 2 === 1 || fn === sn) {
      node = digest(Uint8Array.of(1), sibling, node);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      node = digest(Uint8Array.of(1), node, sibling);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  if (sn !== 0 || hex(node) !== root) doubt(`record ${index} is not in the log that the checkpoint speaks of`);
}

/**
 * A record as its party signed it: `{ entry, hash }`. `keysOf(entry)` gives that party's public keys (hex) by key id.
 * With a list `later` its signatures are put there to be checked all at once, before anything is made of the record.
 */
export function openRecord(envelope, keysOf, later = null) {
  const { payload, payloadType, signatures } = readCanonical(envelope);
  if (payloadType !== PAYLOAD_TYPE || !Array.isArray(signatures)) doubt("an envelope is not one of a record");
  const bytes = base64(payload);
  const entry = readCanonical(bytes);
  const keys = keysOf(entry);
  const message = pae(bytes);
  const known = signatures.filter(({ keyid }) => Object.hasOwn(keys, keyid));
  if (!known.length) doubt("a record is signed by no key of its author");
  for (const { keyid, sig } of known) {
    const publicKey = checkedKey(parseBytes(keys[keyid], 32));
    const signature = base64(sig);
    if (later) later.push({ signature, message, publicKey });
    else if (!signed(signature, message, publicKey)) doubt(NOT_GENUINE);
  }
  return { entry, hash: hex(digest(bytes)) };
}

/** A member's key id: the first eight bytes of a hash of the key. */
export function keyId(publicKey) {
  return hex(digest(TEXT.encode("needlepoint/ed25519-keyid/v1\0"), parseBytes(publicKey, 32))).slice(0, 16);
}

function pae(payload) {
  const kind = TEXT.encode(PAYLOAD_TYPE);
  const head = TEXT.encode(`DSSEv1 ${kind.length} ${PAYLOAD_TYPE} ${payload.length} `);
  const whole = new Uint8Array(head.length + payload.length);
  whole.set(head);
  whole.set(payload, head.length);
  return whole;
}

const checked = new Map();

/** A public key that is a point of the curve and not of small order. */
export function checkedKey(bytes) {
  const name = hex(bytes);
  if (!checked.has(name)) {
    const point = ed25519.Point.fromBytes(bytes);
    if (point.isSmallOrder()) doubt("a public key is of small order");
    checked.set(name, bytes);
  }
  return checked.get(name);
}

export function signed(signature, message, publicKey) {
  return genuine({ signature, message, publicKey });
}

export function splitTwice(text, mark) {
  const first = text.indexOf(mark);
  const second = text.indexOf(mark, first + 1);
  if (first < 1 || second < 0) doubt("a verifier key is not well formed");
  return [text.slice(0, first), text.slice(first + 1, second), text.slice(second + 1)];
}
