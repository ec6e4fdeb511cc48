// Groth16 over BN254, on @noble/curves. The same checks as ledger/proofs/verifier.py: canonical encodings, points
// on their curves and in the subgroup, no point at infinity, then the pairing equation.
import { pippenger } from "@noble/curves/abstract/curve.js";
import { bn254 } from "@noble/curves/bn254.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bigEndian, hex, parseBytes, parseDecimal } from "./encoding.js";

const { G1, G2, fields } = bn254;
const { Fp, Fp2, Fp12, Fr } = fields;
const PROOF_BYTES = 256;
const TEXT = new TextEncoder();

class ReadKey {
  constructor(alpha, beta, gamma, delta, ic, digest) {
    Object.assign(this, { alpha, beta, gamma, delta, ic: Object.freeze(ic), digest });
    Object.freeze(this);
  }
}

/**
 * Read a snarkjs `verification_key.json` once, to verify many proofs with it. Throws when it is malformed.
 * `digest` is the SHA-256 that the ledger registers.
 */
export function readKey(vk) {
  if (vk instanceof ReadKey) return vk;
  if (vk?.protocol !== "groth16" || !["bn128", "bn254"].includes(vk.curve)) throw new TypeError("not a Groth16 key over BN254");
  if (!Array.isArray(vk.IC) || !Number.isSafeInteger(vk.nPublic) || vk.nPublic < 1 || vk.IC.length !== vk.nPublic + 1) {
    throw new TypeError("the number of public inputs does not fit the key");
  }
  const [beta, gamma, delta] = [vk.vk_beta_2, vk.vk_gamma_2, vk.vk_delta_2].map(readPoint2);
  return new ReadKey(readPoint1(vk.vk_alpha_1), beta, gamma, delta, vk.IC.map(readPoint1), digestOf(vk));
}

/**
 * True when `proof` (256 bytes, or lower-case hexadecimal) holds for `publicInputs` (decimal strings) under `vk`.
 * Malformed input is not a valid proof: false, never an exception. This says nothing about what the ledger says:
 * compare the public inputs with `expectedPublicInputs`, and the key's digest with the registered one.
 */
export function verify(vk, publicInputs, proof) {
  try {
    const key = readKey(vk);
    const { a, b, c } = readProof(proof);
    return isOne([
      { g1: a.negate(), g2: b },
      { g1: key.alpha, g2: key.beta },
      { g1: combine(key, readInputs(key, publicInputs)), g2: key.gamma },
      { g1: c, g2: key.delta },
    ]);
  } catch {
    return false;
  }
}

/**
 * True when every `{ publicInputs, proof }` of a non-empty list holds under one key: a random linear combination
 * (128-bit coefficients) with one final exponentiation and one pairing a proof. When it says false, `verify` finds which.
 */
export function verifyBatch(vk, items) {
  try {
    const key = readKey(vk);
    if (!Array.isArray(items) || items.length === 0) return false;
    let total = 0n;
    const cs = [];
    const weights = [];
    const sums = Array(key.ic.length - 1).fill(0n);
    const pairs = items.map(({ publicInputs, proof }) => {
      const { a, b, c } = readProof(proof);
      const weight = randomWeight();
      total += weight;
      cs.push(c);
      weights.push(weight);
      readInputs(key, publicInputs).forEach((value, i) => (sums[i] = Fr.create(sums[i] + weight * value)));
      return { g1: a.multiplyUnsafe(weight).negate(), g2: b };
    });
    const sumC = pippenger(G1.Point, cs, weights);
    pairs.push({ g1: times(key.alpha, Fr.create(total)), g2: key.beta });
    pairs.push({ g1: times(key.ic[0], Fr.create(total)).add(combine(key, sums)).subtract(key.ic[0]), g2: key.gamma });
    pairs.push({ g1: sumC, g2: key.delta });
    return isOne(pairs);
  } catch {
    return false;
  }
}

/**
 * The coordinates of a proof's points and its public inputs, in canonical form, not yet on any curve: for quick.js.
 * Throws for anything else, and for the point at infinity.
 */
export function readCoordinates(key, publicInputs, proof) {
  const word = words(proof);
  const b = [Fp2.fromBigTuple([word(3), word(2)]), Fp2.fromBigTuple([word(5), word(4)])];
  const found = { a: [word(0), word(1)], b, c: [word(6), word(7)], inputs: readInputs(key, publicInputs) };
  const nothing = [found.a, found.c].some(([x, y]) => !(x || y)) || !(word(2) || word(3) || word(4) || word(5));
  if (nothing) throw new RangeError("the point at infinity");
  return found;
}

/** The identity of a statement (hex): the same for every re-randomised proof of it. Throws when malformed. */
export function statementId(vk, publicInputs) {
  const key = readKey(vk);
  const words = readInputs(key, publicInputs).map((value) => parseBytes(value.toString(16).padStart(64, "0"), 32));
  return hex(sha256(join([TEXT.encode("needlepoint/proof/v1\n"), parseBytes(key.digest, 32), ...words])));
}

function digestOf(vk) {
  const members = ["IC", "curve", "nPublic", "protocol", "vk_alpha_1", "vk_beta_2", "vk_delta_2", "vk_gamma_2"];
  const used = { ...vk, curve: "bn128" };
  return hex(sha256(TEXT.encode(`{${members.map((name) => `"${name}":${JSON.stringify(used[name])}`).join(",")}}`)));
}

function isOne(pairs) {
  return Fp12.eql(bn254.pairingBatch(pairs.filter(({ g1 }) => !g1.is0())), Fp12.ONE);
}

function combine(key, values) {
  return values.reduce((sum, value, i) => sum.add(times(key.ic[i + 1], value)), key.ic[0]);
}

function times(point, scalar) {
  return scalar === 0n ? G1.Point.ZERO : point.multiplyUnsafe(scalar);
}

function randomWeight() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] |= 0x80; // never zero
  return bigEndian(bytes);
}

function readInputs(key, publicInputs) {
  if (!Array.isArray(publicInputs) || publicInputs.length !== key.ic.length - 1) throw new RangeError("wrong number of public inputs");
  return publicInputs.map((text) => parseDecimal(text, Fr.ORDER));
}

// EIP-197: A.x A.y B.x1 B.x0 B.y1 B.y0 C.x C.y, each 32 bytes, big-endian.
function words(proof) {
  const bytes = parseBytes(proof, PROOF_BYTES);
  return (i) => coordinate(bigEndian(bytes.subarray(32 * i, 32 * i + 32)));
}

function readProof(proof) {
  const word = words(proof);
  return {
    a: point1(word(0), word(1)),
    b: point2([word(3), word(2)], [word(5), word(4)]),
    c: point1(word(6), word(7)),
  };
}

function readPoint1(point) {
  const [x, y, z] = point;
  if (point.length !== 3 || z !== "1") throw new RangeError("not an affine point");
  return point1(parseDecimal(x, Fp.ORDER), parseDecimal(y, Fp.ORDER));
}

function readPoint2(point) {
  const [x, y, z] = point;
  if (point.length !== 3 || x.length !== 2 || y.length !== 2 || z.length !== 2 || z[0] !== "1" || z[1] !== "0") {
    throw new RangeError("not an affine point");
  }
  const pair = (values) => values.map((text) => parseDecimal(text, Fp.ORDER));
  return point2(pair(x), pair(y));
}

function coordinate(value) {
  if (value >= Fp.ORDER) throw new RangeError("not below the modulus");
  return value;
}

// (0, 0) would be read as the point at infinity; it is on neither curve, so it is refused first.
function point1(x, y) {
  if (x === 0n && y === 0n) throw new RangeError("the point at infinity");
  return checked(G1.Point.fromAffine({ x, y }));
}

function point2([x0, x1], [y0, y1]) {
  if (!(x0 || x1 || y0 || y1)) throw new RangeError("the point at infinity");
  return checked(G2.Point.fromAffine({ x: Fp2.fromBigTuple([x0, x1]), y: Fp2.fromBigTuple([y0, y1]) }));
}

// On the curve and in the subgroup: noble checks both here, once a point (the corpus holds points that are in neither).
function checked(point) {
  point.assertValidity();
  return point;
}

function join(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}
