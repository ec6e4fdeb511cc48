// Batches of Groth16 proofs over BN254 in WebAssembly (wasmcurves, as snarkjs uses it), about ten times as quick as
// BigInt. It only ever says "all of these hold": whatever else happens, each proof is asked of groth16.js by itself.
import wasm from "wasmcurves/build/bn128_wasm.js";
import { bn254 } from "@noble/curves/bn254.js";

const { Fp, Fp2, Fr } = bn254.fields;
const WEIGHT_BYTES = 16;
const [F1, G1A, G1, G2A, G2, FT] = [32, 64, 96, 128, 192, 384];
const BN_X = 4965661367192848881n;
const SIX_X_SQUARED = 6n * BN_X * BN_X;

let starting = null;

/** The engine, once its module is compiled and has judged a known product of pairings; null where it cannot be used. */
export function engine() {
  starting ??= start().catch(() => null);
  return starting;
}

async function start() {
  const bytes = Uint8Array.from(atob(wasm.code), (character) => character.charCodeAt(0));
  const memory = new WebAssembly.Memory({ initial: 64 });
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
  const made = new Engine(instance.exports, memory);
  return made.works() ? made : null;
}

class Engine {
  constructor(calls, memory) {
    this.calls = calls;
    this.bytes = new Uint8Array(memory.buffer);
    // The word at 0 says where free memory begins; the module's own functions take their scratch from there.
    const words = new Uint32Array(memory.buffer);
    let free = words[0];
    const room = (size) => {
      const place = (free + 7) & ~7;
      free = place + size;
      return place;
    };
    // Places in the module's memory: some points, a scalar, prepared points, a product.
    Object.assign(this, { a: room(G1A), b: room(G2A), c: room(G1A), scalar: room(64), j: room(G1), sum: room(G1), q: room(G2), turned: room(G2A) });
    Object.assign(this, { preP: room(wasm.prePSize), preQ: room(wasm.preQSize), miller: room(FT), total: room(FT), psiX: room(G1A), psiY: room(G1A) });
    words[0] = room(0);
    // The untwisted Frobenius map on G2: conjugates, times these two powers of the tower's non-residue 9 + u.
    const residue = Fp2.fromBigTuple([9n, 1n]);
    this.field2(this.psiX, Fp2.pow(residue, (Fp.ORDER - 1n) / 3n));
    this.field2(this.psiY, Fp2.pow(residue, (Fp.ORDER - 1n) / 2n));
  }

  /** Whether all of a batch holds, with fresh 128-bit weights. `read` gives a proof's coordinates and its inputs. */
  holds(key, proofs) {
    const { calls } = this;
    let total = 0n;
    const sums = Array(key.ic.length - 1).fill(0n);
    calls.ftm_one(this.total);
    calls.g1m_zero(this.sum);
    for (const { a, b, c, inputs } of proofs) {
      if (!this.affine1(this.a, a) || !this.affine1(this.c, c) || !this.affine2(this.b, b)) return false;
      const weight = crypto.getRandomValues(new Uint8Array(WEIGHT_BYTES));
      weight[WEIGHT_BYTES - 1] |= 0x80; // never zero
      this.bytes.set(weight, this.scalar);
      const value = weight.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
      total += value;
      inputs.forEach((input, i) => (sums[i] = Fr.create(sums[i] + value * input)));
      calls.g1m_timesScalarAffine(this.c, this.scalar, WEIGHT_BYTES, this.j);
      calls.g1m_add(this.sum, this.j, this.sum);
      calls.g1m_timesScalarAffine(this.a, this.scalar, WEIGHT_BYTES, this.j);
      calls.g1m_neg(this.j, this.j);
      calls.g2m_toJacobian(this.b, this.q);
      this.pair(this.j, this.q);
    }
    this.fixed(key.alpha, Fr.create(total), key.beta);
    // The inputs' part: ic[0] and the others, each times its sum over the batch.
    this.many([[key.ic[0], Fr.create(total)], ...sums.map((value, i) => [key.ic[i + 1], value])]);
    this.point2(this.q, key.gamma);
    this.pair(this.j, this.q);
    this.point2(this.q, key.delta);
    this.pair(this.sum, this.q);
    return this.isOne();
  }

  /** A known answer: e(2P, 3Q) · e(-6P, Q) is one, and e(2P, 3Q) · e(-5P, Q) is not. */
  works() {
    const [P, Q] = [bn254.G1.Point.BASE, bn254.G2.Point.BASE];
    const product = (times) => {
      this.calls.ftm_one(this.total);
      this.fixed(P, 2n, Q.multiplyUnsafe(3n));
      this.fixed(P.negate(), times, Q);
      return this.isOne();
    };
    const { x, y } = Q.toAffine();
    return product(6n) && !product(5n) && this.affine2(this.b, [x, y]);
  }

  fixed(point, scalar, other) {
    this.many([[point, scalar]]);
    this.point2(this.q, other);
    this.pair(this.j, this.q);
  }

  // Sum of points times scalars, into `j`.
  many(terms) {
    const { calls } = this;
    const sum = this.turned; // free while no point of G2 is judged, and large enough
    calls.g1m_zero(sum);
    for (const [point, scalar] of terms) {
      if (scalar === 0n) continue;
      const { x, y } = point.toAffine();
      this.field(this.a, x);
      this.field(this.a + F1, y);
      this.little(this.scalar, scalar);
      calls.g1m_timesScalarAffine(this.a, this.scalar, F1, this.j);
      calls.g1m_add(sum, this.j, sum);
    }
    calls.g1m_copy(sum, this.j);
  }

  // Multiplies the product by the Miller loop of a point of G1 and one of G2; the one at infinity adds nothing.
  pair(p, q) {
    const { calls } = this;
    if (calls.g1m_isZero(p)) return;
    calls.bn128_prepareG1(p, this.preP);
    calls.bn128_prepareG2(q, this.preQ);
    calls.bn128_millerLoop(this.preP, this.preQ, this.miller);
    calls.ftm_mul(this.total, this.miller, this.total);
  }

  isOne() {
    this.calls.bn128_finalExponentiation(this.total, this.total);
    return this.calls.ftm_isOne(this.total) === 1;
  }

  // On its curve? G1 has prime order, so that is all; what the reader refused (infinity) never comes here.
  affine1(place, [x, y]) {
    this.field(place, x);
    this.field(place + F1, y);
    return this.calls.g1m_inCurveAffine(place) === 1;
  }

  // On its curve and in the subgroup: the Frobenius map is the multiplication by 6x² there, and nowhere else.
  affine2(place, [x, y]) {
    const { calls } = this;
    this.field2(place, x);
    this.field2(place + G1A, y);
    if (calls.g2m_inCurveAffine(place) !== 1) return false;
    this.little(this.scalar, SIX_X_SQUARED);
    calls.g2m_timesScalarAffine(place, this.scalar, F1, this.q);
    calls.f2m_conjugate(place, this.turned);
    calls.f2m_mul(this.turned, this.psiX, this.turned);
    calls.f2m_conjugate(place + G1A, this.turned + G1A);
    calls.f2m_mul(this.turned + G1A, this.psiY, this.turned + G1A);
    return calls.g2m_eqMixed(this.q, this.turned) === 1;
  }

  point2(place, point) {
    const { x, y } = point.toAffine();
    this.field2(place, x);
    this.field2(place + G1A, y);
    this.calls.f2m_one(place + 2 * G1A);
  }

  field2(place, { c0, c1 }) {
    this.field(place, c0);
    this.field(place + F1, c1);
  }

  field(place, value) {
    this.little(place, value);
    this.calls.f1m_toMontgomery(place, place);
  }

  little(place, value) {
    for (let i = 0; i < F1; i += 4) {
      const word = Number((value >> BigInt(8 * i)) & 0xffffffffn);
      this.bytes[place + i] = word & 255;
      this.bytes[place + i + 1] = (word >>> 8) & 255;
      this.bytes[place + i + 2] = (word >>> 16) & 255;
      this.bytes[place + i + 3] = word >>> 24;
    }
  }
}
