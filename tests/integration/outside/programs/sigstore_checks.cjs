// npm's @sigstore/verify on files of ours: the checkpoint, the record's place, and the DSSE signature. Reads a JSON object.
"use strict";
const { createPublicKey } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { verifyCheckpoint } = require("./node_modules/@sigstore/verify/dist/tlog/checkpoint.js");
const { verifyMerkleInclusion } = require("./node_modules/@sigstore/verify/dist/tlog/merkle.js");
const { DSSESignatureContent } = require("./node_modules/@sigstore/verify/dist/bundle/dsse.js");

const given = JSON.parse(readFileSync(0, "utf8"));
const hex = (text) => Buffer.from(text, "hex");
const ed25519 = (key) =>
  createPublicKey({ key: Buffer.concat([hex("302a300506032b6570032100"), hex(key)]), format: "der", type: "spki" });

const log = { logID: hex(given.log_key_id), baseURL: given.origin, publicKey: ed25519(given.log_key) };
const entry = {
  canonicalizedBody: hex(given.body),
  inclusionProof: {
    logIndex: String(given.index),
    hashes: given.hashes.map(hex),
    checkpoint: { envelope: given.note },
  },
};
verifyMerkleInclusion(entry, verifyCheckpoint(entry, [log]));

const envelope = JSON.parse(hex(given.body).toString("utf8"));
const signed = new DSSESignatureContent({
  payloadType: envelope.payloadType,
  payload: Buffer.from(envelope.payload, "base64"),
  signatures: envelope.signatures.map((one) => ({ keyid: one.keyid, sig: Buffer.from(one.sig, "base64") })),
});
if (!signed.verifySignature(ed25519(given.party_key))) throw new Error("the record's signature does not hold");
console.log("holds");
