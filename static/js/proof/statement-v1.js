// Version 1 of the statement, kept so that proofs on record stay verifiable (ADR 13): the same as
// ledger/proofs/statement_v1.py and the version 1 of custody/compliance/ledger_inputs.py.
import { bn254 } from "@noble/curves/bn254.js";
import { parseDecimal } from "./encoding.js";
import { minutes, stepsOf, testLimits, hundredths } from "./specification.js";
import { encodeCode, encodeUuid, hashMany, padded } from "./statement.js";

const FIELD = bn254.fields.Fr.ORDER;
const [SPEC, STEPS, RELEASE] = [1n, 2n, 3n];
const [MAX_STEPS, MAX_TESTS] = [24, 12];
const TEMPERATURE_OFFSET = 30000;
const NO_TOTAL_LIMIT = 2n ** 32n - 1n;

/** The steps that version 1 asked for: not those with which the segment begins, optional ones only when done. */
export function stepsThen(protocol, segment, done) {
  const { steps, tests } = stepsOf(protocol, { ...segment, since: [] });
  return { steps: steps.filter(({ code, optional }) => !optional || Object.hasOwn(done, code)), tests };
}

/** The six public inputs of a segment's records; `leaf(step, name)` gives a leaf on record. */
export function publicInputsThen({ therapy, protocol, segment, done, leaf, readingsRoot, deviceRegistry }) {
  const { steps, tests } = stepsThen(protocol, segment, done);
  const element = (text) => parseDecimal(text ?? "0", FIELD);
  const leaves = (all, name) => all.map((step) => element(leaf(step, name)));
  const hash = (values, domain) => hashMany(values, domain, 1n).toString();
  const vector = [
    ...(segment.leg ? legVector(protocol.legs.find(({ code }) => code === segment.leg), steps) : padded([], 7)),
    BigInt(steps.length),
    BigInt(tests.length),
    NO_TOTAL_LIMIT,
    ...padded(steps.flatMap((step) => [encodeCode(step.code), ...minutes(step).map(BigInt)]), 3 * MAX_STEPS),
    ...padded(tests.flatMap((test) => [encodeCode(test.code), ...Object.values(testLimits(test)).map(BigInt)]), 3 * MAX_TESTS),
  ];
  return [
    encodeUuid(therapy).toString(),
    hash(vector, SPEC),
    element(readingsRoot).toString(),
    hash([BigInt(steps.length), ...padded(leaves(steps, "leaf"), MAX_STEPS)], STEPS),
    hash([BigInt(tests.length), ...padded(leaves(tests, "test_leaf"), MAX_TESTS)], RELEASE),
    element(deviceRegistry).toString(),
  ];
}

function legVector(found, steps) {
  const kinds = steps.map((step) => step.kind);
  const accepted = kinds.lastIndexOf("accept");
  return [
    1,
    hundredths(found.low_c, 2) + TEMPERATURE_OFFSET,
    hundredths(found.high_c, 2) + TEMPERATURE_OFFSET,
    found.tilt_max_degrees,
    found.gap_max_minutes * 60,
    Math.max(0, kinds.indexOf("pack")),
    accepted < 0 ? kinds.length - 1 : accepted,
  ].map(BigInt);
}
