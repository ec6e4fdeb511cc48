// An ML-DSA-44 cosignature (C2SP tlog-cosignature, type 0x06), read and checked with nothing of ours: FIPS 204 is Noble's.
// In: JSON with `note` and `vkey`. Out: the exit status.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";

const { note, vkey } = JSON.parse(readFileSync(0, "utf8"));
const [name, id, material] = vkey.match(/^([^+]+)\+([0-9a-f]{8})\+(.+)$/).slice(1);
const key = Buffer.from(material, "base64");
const expected = createHash("sha256").update(name).update("\n").update(key).digest("hex").slice(0, 8);
if (key[0] !== 6 || id !== expected) process.exit(2);

const [text, signatures] = note.split("\n\n");
const [origin, size, root] = text.split("\n");
const line = signatures.split("\n").find((one) => one.startsWith(`— ${name} `) && idOf(one) === id);
if (!line) process.exit(3);
const data = Buffer.from(line.split(" ")[2], "base64").subarray(4);

function idOf(one) {
  return Buffer.from(one.split(" ")[2], "base64").subarray(0, 4).toString("hex");
}
function number(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
const opaque = (word) => Buffer.concat([Buffer.from([Buffer.byteLength(word)]), Buffer.from(word)]);
const message = Buffer.concat([
  Buffer.from("subtree/v1\n\0"),
  opaque(name),
  data.subarray(0, 8),
  opaque(origin),
  number(0),
  number(size),
  Buffer.from(root, "base64"),
]);
process.exit(ml_dsa44.verify(data.subarray(8), message, key.subarray(1)) ? 0 : 1);
