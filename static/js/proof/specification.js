// From a protocol's segment to the specification that the circuit checks: the same as custody/compliance/specification.py.
// `done` has the steps on record; optional ones belong to a segment only when they were done.

const SECONDS = 60;
const MAX_TEST = 2 ** 48 - 1;
const DURATION_MINUTES = 1440;
const WAIT_MINUTES = 86400;
const NO_TOTAL_LIMIT = 2 ** 32 - 1;

/** The segment's steps and its tests, in the protocol's order: `{ steps, tests }`. */
export function stepsOf(protocol, segment, done) {
  const all = segment.steps.map((code) => protocol.steps.find((step) => step.code === code)).filter(Boolean);
  const own = all.filter((step) => !step.optional || Object.hasOwn(done, step.code));
  return { steps: own.filter((step) => step.kind !== "test"), tests: own.filter((step) => step.kind === "test") };
}

/** The specification as SegmentSpec.to_json writes it. */
export function specificationOf(protocol, segment, done) {
  const { steps, tests } = stepsOf(protocol, segment, done);
  return {
    steps: steps.map((step) => ({
      code: step.code,
      max_duration: (step.duration_max_minutes ?? DURATION_MINUTES) * SECONDS,
      max_wait: (step.wait_max_minutes ?? WAIT_MINUTES) * SECONDS,
    })),
    tests: tests.map((step) => ({ code: step.code, ...limits(step.fields[0]) })),
    readings: segment.leg ? leg(protocol.legs.find(({ code }) => code === segment.leg), steps) : null,
    max_total: NO_TOTAL_LIMIT,
  };
}

function leg(found, steps) {
  const kinds = steps.map((step) => step.kind);
  const packed = kinds.indexOf("pack");
  const accepted = kinds.lastIndexOf("accept");
  return {
    temperature_lo: hundredths(found.low_c, 2),
    temperature_hi: hundredths(found.high_c, 2),
    tilt_hi: found.tilt_max_degrees,
    max_gap: found.gap_max_minutes * SECONDS,
    ship_step: packed < 0 ? 0 : packed,
    receive_step: accepted < 0 ? kinds.length - 1 : accepted,
  };
}

function limits(field) {
  if (field.kind === "decimal") {
    const decimals = field.decimals ?? 2;
    const hi = field.high === undefined ? MAX_TEST : hundredths(field.high, decimals);
    return { lo: Math.max(0, hundredths(field.low ?? "0", decimals)), hi };
  }
  if (field.expected === undefined || field.expected === null) return { lo: 0, hi: Math.max(1, (field.choices ?? []).length - 1) };
  const place = field.kind === "choice" ? field.choices.indexOf(field.expected) : Number(field.expected === "yes");
  return { lo: place, hi: place };
}

// A decimal string times ten to the power of `decimals`, cut towards zero as Python's int() does.
function hundredths(text, decimals) {
  const found = /^(-?)([0-9]+)(?:\.([0-9]+))?$/.exec(text);
  if (!found) throw new RangeError("not a decimal number");
  const [, sign, whole, part = ""] = found;
  const number = Number(whole + part.slice(0, decimals).padEnd(decimals, "0"));
  return sign && number ? -number : number;
}
