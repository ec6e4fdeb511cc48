// What the ledger says a proof must be about: the six public inputs, from records alone. The same functions as
// ledger/proofs/statement.py, specification.py and registry.py; field elements are decimal strings at the doors.
import { poseidon2 } from "poseidon-lite/poseidon2";
import { poseidon3 } from "poseidon-lite/poseidon3";
import { poseidon16 } from "poseidon-lite/poseidon16";
import { bn254 } from "@noble/curves/bn254.js";
import { parseDecimal, parseWhole } from "./encoding.js";

const FIELD = bn254.fields.Fr.ORDER;
const VERSION = 1n;
const SPEC = 1n;
const STEPS = 2n;
const RELEASE = 3n;
const MAX_STEPS = 24;
const MAX_TESTS = 12;
const REGISTRY_DEPTH = 10;
const DEVICE_TAG = 4000n;
const TEMPERATURE_OFFSET = 30000;
const NO_LIMIT = 2 ** 28 - 1;
const CODE = /^[a-z0-9][a-z0-9._-]{0,29}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * The public inputs (decimal strings, in the circuit's order) which a proof about these records has to have.
 * `therapy` is the pseudonym, `spec` the specification as JSON, leaves stand in protocol order. `readingsRoot` and
 * `deviceRegistry` are null for a segment without readings. Throws when the records do not fit the specification.
 */
export function expectedPublicInputs({ therapy, spec, stepLeaves, testLeaves = [], readingsRoot = null, deviceRegistry = null }) {
  if (stepLeaves.length !== spec.steps.length || testLeaves.length !== spec.tests.length) {
    throw new RangeError("the number of records is not the specification's");
  }
  if (Boolean(spec.readings) !== (readingsRoot !== null && deviceRegistry !== null)) {
    throw new RangeError("readings root and device registry belong to a segment with readings, and to no other");
  }
  const element = (text) => parseDecimal(text ?? "0", FIELD).toString();
  return [
    encodeUuid(therapy).toString(),
    specHash(spec),
    element(readingsRoot),
    stepsRoot(stepLeaves),
    releaseRoot(testLeaves),
    element(deviceRegistry),
  ];
}

/** Hash of a specification in the JSON of SegmentSpec.to_json. */
export function specHash(spec) {
  return hashMany(specVector(spec), SPEC).toString();
}

/** Over the leaves of a segment's steps, in protocol order. */
export function stepsRoot(leaves) {
  return leavesRoot(leaves, MAX_STEPS, STEPS);
}

/** Over the leaves of a segment's release tests, in protocol order. */
export function releaseRoot(leaves) {
  return leavesRoot(leaves, MAX_TESTS, RELEASE);
}

/** Over the devices' public keys `[x, y]` in order of registration; null is a revoked place. */
export function registryRoot(devices) {
  if (devices.length > 2 ** REGISTRY_DEPTH) throw new RangeError("more devices than the registry has places");
  let empty = 0n;
  let level = devices.map((device) => (device ? poseidon3([DEVICE_TAG, ...device.map((text) => parseDecimal(text, FIELD))]) : 0n));
  if (level.length === 0) level = [0n];
  for (let depth = 0; depth < REGISTRY_DEPTH; depth += 1) {
    if (level.length % 2) level.push(empty);
    level = Array.from({ length: level.length / 2 }, (_, i) => poseidon2([level[2 * i], level[2 * i + 1]]));
    empty = poseidon2([empty, empty]);
  }
  return level[0].toString();
}

function specVector({ steps, tests, readings, max_total: maxTotal }) {
  if (steps.length < 1 || steps.length > MAX_STEPS || tests.length > MAX_TESTS) throw new RangeError("the specification does not fit");
  const span = (value) => parseWhole(value, 0, NO_LIMIT);
  const limit = (value) => parseWhole(value, 0, 2 ** 48 - 1);
  return [
    ...legVector(readings, steps.length),
    BigInt(steps.length),
    BigInt(tests.length),
    parseWhole(maxTotal, 0, 2 ** 32 - 1),
    ...padded(steps.flatMap((step) => [encodeCode(step.code), span(step.max_duration), span(step.max_wait)]), 3 * MAX_STEPS),
    ...padded(tests.flatMap((test) => [encodeCode(test.code), limit(test.lo), limit(test.hi)]), 3 * MAX_TESTS),
  ];
}

function legVector(readings, steps) {
  if (!readings) return padded([], 7);
  const { temperature_lo: lo, temperature_hi: hi, tilt_hi: tilt, max_gap: gap, ship_step: ship, receive_step: receive } = readings;
  return [
    1n,
    parseWhole(lo + TEMPERATURE_OFFSET, 0, 65535),
    parseWhole(hi + TEMPERATURE_OFFSET, lo + TEMPERATURE_OFFSET, Math.min(65535, lo + TEMPERATURE_OFFSET + 8191)),
    parseWhole(tilt, 0, 180),
    parseWhole(gap, 1, 4096),
    parseWhole(ship, 0, steps - 1),
    parseWhole(receive, ship, steps - 1),
  ];
}

function leavesRoot(leaves, places, domain) {
  if (leaves.length > places) throw new RangeError("more leaves than a segment has places");
  const elements = leaves.map((leaf) => parseDecimal(leaf, FIELD));
  return hashMany([BigInt(leaves.length), ...padded(elements, places)], domain).toString();
}

// Merkle-Damgård over Poseidon(16), fifteen elements a block; the first state names version, domain and length.
function hashMany(values, domain) {
  let state = ((VERSION << 16n) + domain) * 2n ** 32n + BigInt(values.length);
  for (let i = 0; i < values.length; i += 15) state = poseidon16([state, ...padded(values.slice(i, i + 15), 15)]);
  return state;
}

function padded(values, length) {
  return [...values, ...Array(length - values.length).fill(0n)];
}

function encodeCode(code) {
  if (typeof code !== "string" || !CODE.test(code)) throw new RangeError("not a step or test code");
  return Array.from(code).reduce((value, character) => (value << 8n) | BigInt(character.charCodeAt(0)), 0n);
}

function encodeUuid(text) {
  if (typeof text !== "string" || !UUID.test(text)) throw new RangeError("not a UUID in lower case");
  return BigInt(`0x${text.replaceAll("-", "")}`);
}
