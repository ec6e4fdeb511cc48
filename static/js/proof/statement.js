// What the ledger says a proof must be about: the six public inputs, from records alone. The same functions as
// ledger/proofs/statement.py, specification.py and registry.py; field elements are decimal strings at the doors.
import { poseidon2 } from "poseidon-lite/poseidon2";
import { poseidon3 } from "poseidon-lite/poseidon3";
import { poseidon16 } from "./poseidon16.js";
import { bn254 } from "@noble/curves/bn254.js";
import { parseDecimal, parseWhole } from "./encoding.js";

const FIELD = bn254.fields.Fr.ORDER;
const VERSION = 2n;
const SPEC = 1n;
const STEPS = 2n;
const RELEASE = 3n;
const MAX_STEPS = 24;
const MAX_TESTS = 12;
const REGISTRY_DEPTH = 10;
const DEVICE_TAG = 4000n;
const TEMPERATURE_OFFSET = 30000;
const NO_LIMIT = 2 ** 27 - 1;
const NO_SPAN_LIMIT = 2 ** 32 - 1;
const ABSENT = [0n, 1n << 80n];
const CODE = /^[a-z0-9][a-z0-9._-]{0,29}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * The public inputs (decimal strings, in the circuit's order) which a proof about these records has to have.
 * `therapy` is the pseudonym, `spec` the specification as JSON, leaves stand in protocol order, null for an
 * optional step that is not on record. `readingsRoot` and `deviceRegistry` are null for a segment without readings. Throws when the records do not fit the specification.
 */
export function expectedPublicInputs({ therapy, spec, stepLeaves, testLeaves = [], readingsRoot = null, deviceRegistry = null }) {
  if (stepLeaves.length !== spec.steps.length || testLeaves.length !== spec.tests.length) {
    throw new RangeError("the number of records is not the specification's");
  }
  if (spec.steps.some((step, i) => stepLeaves[i] === null && !step.optional)) {
    throw new RangeError("a step that is not optional is not on record");
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

/** Over the leaves of a segment's steps, in the specification's order; null is an optional step that was left out. */
export function stepsRoot(leaves) {
  if (leaves.length > MAX_STEPS) throw new RangeError("more steps than a segment has places");
  const elements = leaves.map((leaf) => (leaf === null ? 0n : parseDecimal(leaf, FIELD)));
  return hashMany(padded(elements, MAX_STEPS), STEPS).toString();
}

/** Over the leaves of a segment's release tests, in protocol order. */
export function releaseRoot(leaves) {
  if (leaves.length > MAX_TESTS) throw new RangeError("more tests than a segment has places");
  const elements = leaves.map((leaf) => parseDecimal(leaf, FIELD));
  return hashMany([BigInt(leaves.length), ...padded(elements, MAX_TESTS)], RELEASE).toString();
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

function specVector({ steps, tests, readings, span }) {
  if (steps.length < 1 || steps.length > MAX_STEPS || tests.length > MAX_TESTS) throw new RangeError("the specification does not fit");
  for (const named of [steps, tests]) if (new Set(named.map(({ code }) => code)).size !== named.length) throw new RangeError("a code stands twice");
  const limit = (value) => parseWhole(value, 0, 2 ** 48 - 1);
  return [
    ...legVector(readings, steps),
    BigInt(tests.length),
    ...(span ? [place(span.first, steps), place(span.last, steps), parseWhole(span.longest, 0, NO_SPAN_LIMIT)] : [0n, 0n, BigInt(NO_SPAN_LIMIT)]),
    ...steps.flatMap((step, i) => [encodeCode(step.code), stepRules(step, i)]),
    ...Array(MAX_STEPS - steps.length).fill(ABSENT).flat(),
    ...padded(tests.flatMap((test) => [encodeCode(test.code), limit(test.lo), limit(test.hi)]), 3 * MAX_TESTS),
  ];
}

// Duration 32 bits, wait 32, two predecessors (index plus one, 0 is the beginning) 8 each, optional, two people.
function stepRules({ max_duration: duration, max_wait: wait, after, optional, two_people: twoPeople }, i) {
  const before = after.map((index) => parseWhole(index, 0, i - 1) + 1n);
  if (before.length > 2 || new Set(before).size !== before.length) throw new RangeError("at most two steps stand just before one");
  if (typeof optional !== "boolean" || typeof twoPeople !== "boolean") throw new RangeError("optional and two_people are true or false");
  const [first, last] = [before.at(0) ?? 0n, before.at(-1) ?? 0n];
  const span = (value) => parseWhole(value, 0, NO_LIMIT);
  return span(duration) + (span(wait) << 32n) + (first << 64n) + (last << 72n) + (BigInt(optional) << 80n) + (BigInt(twoPeople) << 81n);
}

function place(index, steps) {
  const found = parseWhole(index, 0, steps.length - 1);
  if (steps[index].optional) throw new RangeError("a step that limits refer to cannot be optional");
  return found;
}

function legVector(readings, steps) {
  if (!readings) return padded([], 11);
  const { temperature_lo: lo, temperature_hi: hi, hard_lo: hardLo, hard_hi: hardHi } = readings;
  const way = hi - lo + 1;
  const degrees = (value, low, high) => parseWhole(value + TEMPERATURE_OFFSET, Math.max(0, low + TEMPERATURE_OFFSET), Math.min(65535, high + TEMPERATURE_OFFSET));
  const vector = [
    1n,
    degrees(lo, -TEMPERATURE_OFFSET, 35535),
    degrees(hi, lo, lo + 8191),
    degrees(hardLo, lo - way, lo),
    degrees(hardHi, hi, hi + way),
    parseWhole(readings.budget, 0, 2 ** 26),
    parseWhole(readings.tilt_hi, 0, 127),
    parseWhole(readings.shock_hi, 0, 63),
    parseWhole(readings.max_gap, 1, 2047),
    place(readings.ship_step, steps),
    place(readings.receive_step, steps),
  ];
  if (readings.receive_step < readings.ship_step) throw new RangeError("received before it was shipped");
  return vector;
}

// Merkle-Damgård over Poseidon(16), fifteen elements a block; the first state names version, domain and length.
export function hashMany(values, domain, version = VERSION) {
  let state = ((version << 16n) + domain) * 2n ** 32n + BigInt(values.length);
  for (let i = 0; i < values.length; i += 15) state = poseidon16([state, ...padded(values.slice(i, i + 15), 15)]);
  return state;
}

export function padded(values, length) {
  return [...values, ...Array(length - values.length).fill(0n)];
}

export function encodeCode(code) {
  if (typeof code !== "string" || !CODE.test(code)) throw new RangeError("not a step or test code");
  return Array.from(code).reduce((value, character) => (value << 8n) | BigInt(character.charCodeAt(0)), 0n);
}

export function encodeUuid(text) {
  if (typeof text !== "string" || !UUID.test(text)) throw new RangeError("not a UUID in lower case");
  return BigInt(`0x${text.replaceAll("-", "")}`);
}
