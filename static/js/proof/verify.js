// The proof verifier of the browser: bundled into static/build/verify.js, needs no server once loaded.
//
//   const key = readKey(vk);                      key.digest must be the registered one
//   const inputs = expectedPublicInputs(records); from what the ledger says, not from the proof's record
//   verify(key, inputs, proof)                    true or false
export { readKey, statementId, verify, verifyBatch } from "./groth16.js";
export { expectedPublicInputs, registryRoot, releaseRoot, specHash, stepsRoot } from "./statement.js";
export { failing, forged } from "./batch.js";
export { poseidon16 } from "./poseidon16.js";
