// From a protocol's segment to the specification that the circuit checks: the same as custody/compliance/specification.py.
// It follows from the protocol alone; an optional step that was left out has no leaf.

const MINUTE = 60;
const DAY = 86400;
const MAX_TEST = 2 ** 48 - 1;
const DURATION_MINUTES = 1440;
const WAIT_MINUTES = 86400;
const NO_LIMIT = 2 ** 27 - 1;
const MAX_TILT = 127;
const MAX_SHOCK = 63;

/** The segment's steps (what it begins with first) and its tests, in the protocol's order: `{ steps, tests }`. */
export function stepsOf(protocol, segment) {
  const named = [...(segment.since ?? []), ...segment.steps];
  const all = named.map((code) => protocol.steps.find((step) => step.code === code)).filter(Boolean);
  return { steps: all.filter((step) => step.kind !== "test"), tests: all.filter((step) => step.kind === "test") };
}

/** The specification as SegmentSpec.to_json writes it. */
export function specificationOf(protocol, segment) {
  const { steps, tests } = stepsOf(protocol, segment);
  const before = ancestors(protocol);
  return {
    steps: steps.map((step, i) => stepSpec(step, i, steps, before, segment.since ?? [])),
    tests: tests.map((step) => ({ code: step.code, ...testLimits(step) })),
    readings: segment.leg ? leg(protocol.legs.find(({ code }) => code === segment.leg), steps) : null,
    span: segment.vein_to_vein ? veinToVein(protocol, steps) : null,
  };
}

function stepSpec(step, i, steps, before, since) {
  const ahead = steps.slice(0, i).filter(({ code }) => before.get(step.code).has(code));
  const nearest = ahead.filter(({ code }) => !ahead.some((other) => before.get(other.code).has(code)));
  return {
    code: step.code,
    max_duration: minutes(step)[0],
    max_wait: nearest.length && !since.includes(step.code) ? minutes(step)[1] : NO_LIMIT,
    after: nearest.map((one) => steps.indexOf(one)),
    optional: step.optional ?? false,
    two_people: (step.second_roles ?? []).length > 0,
  };
}

/** The longest duration of a step and the longest wait before it, in seconds. */
export function minutes(step) {
  return [(step.duration_max_minutes ?? DURATION_MINUTES) * MINUTE, (step.wait_max_minutes ?? WAIT_MINUTES) * MINUTE];
}

// For each step, every step that stands somewhere before it; the document names them in an order that can be done.
function ancestors(protocol) {
  const found = new Map();
  for (const { code, after = [] } of protocol.steps) {
    found.set(code, new Set([...after, ...after.flatMap((one) => [...found.get(one)])]));
  }
  return found;
}

function veinToVein(protocol, steps) {
  const place = (wanted) => steps.findIndex(wanted);
  return {
    first: place((step) => step.kind === "collection"),
    last: place((step) => step.completes === true),
    longest: protocol.vein_to_vein_max_days * DAY,
  };
}

function leg(found, steps) {
  const kinds = steps.map((step) => step.kind);
  const band = [hundredths(found.low_c, 2), hundredths(found.high_c, 2)];
  const bears = found.hard_low_c !== undefined && found.hard_high_c !== undefined;
  return {
    temperature_lo: band[0],
    temperature_hi: band[1],
    hard_lo: bears ? hundredths(found.hard_low_c, 2) : band[0],
    hard_hi: bears ? hundredths(found.hard_high_c, 2) : band[1],
    budget: bears ? found.budget_minutes * MINUTE : 0,
    tilt_hi: Math.min(found.tilt_max_degrees, MAX_TILT),
    shock_hi: found.shock_max_g ?? MAX_SHOCK,
    max_gap: found.gap_max_minutes * MINUTE,
    ship_step: kinds.indexOf("pack"),
    receive_step: kinds.lastIndexOf("accept"),
  };
}

/** The limits of a release test: `{ lo, hi }`, both included. */
export function testLimits({ fields: [field] }) {
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
export function hundredths(text, decimals) {
  const found = /^(-?)([0-9]+)(?:\.([0-9]+))?$/.exec(text);
  if (!found) throw new RangeError("not a decimal number");
  const [, sign, whole, part = ""] = found;
  const number = Number(whole + part.slice(0, decimals).padEnd(decimals, "0"));
  return sign && number ? -number : number;
}
