// A prepared first phase of any power, UNSAFE: its secret numbers are known to this process, so that it takes half a
// minute where powers of tau take hours. For measuring ceremonies only: node unsafe_phase1.mjs SNARKJS_MODULES POWER OUT
import { closeSync, openSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { randomBytes } from "node:crypto";
import { join } from "node:path";

const [modules, power, out] = [process.argv[2], Number(process.argv[3]), process.argv[4]];
const { buildBn128 } = createRequire(join(modules, "x.js"))("ffjavascript");
const curve = await buildBn128(true);
const { Fr, tm } = curve;
tm.memory.grow(64);
tm.u8 = new Uint8Array(tm.memory.buffer);
tm.u32 = new Uint32Array(tm.memory.buffer);
const r = Fr.p;
const mod = (a) => ((a % r) + r) % r;
const secret = () => mod(BigInt(`0x${randomBytes(40).toString("hex")}`));
const [tau, alpha, beta] = [secret(), secret(), secret()];

function pow(base, exponent) {
  let [result, b, e] = [1n, base, exponent];
  for (; e; e >>= 1n, b = (b * b) % r) if (e & 1n) result = (result * b) % r;
  return result;
}
const inverse = (a) => pow(a, r - 2n);

function powers(count) {
  const found = new Array(count);
  for (let i = 0, x = 1n; i < count; i++, x = (x * tau) % r) found[i] = x;
  return found;
}

// L_i(tau) = (tau^n - 1) / n * w^i / (tau - w^i), all inverses at once.
function lagrange(level) {
  const n = 2 ** level;
  const w = Fr.toObject(Fr.w[level]);
  const [roots, before] = [new Array(n), new Array(n)];
  let [root, product] = [1n, 1n];
  for (let i = 0; i < n; i++, root = (root * w) % r) {
    roots[i] = root;
    before[i] = product;
    product = (product * mod(tau - root)) % r;
  }
  const factor = (mod(pow(tau, BigInt(n)) - 1n) * inverse(BigInt(n))) % r;
  let rest = inverse(product);
  const found = new Array(n);
  for (let i = n - 1; i >= 0; i--) {
    found[i] = (((factor * roots[i]) % r) * ((rest * before[i]) % r)) % r;
    rest = (rest * mod(tau - roots[i])) % r;
  }
  return found;
}

// Multiples of a generator by a table of its 255 multiples at each of 32 bytes.
function multiplier(group, prefix) {
  const size = group.F.n8 * 2;
  const [addMixed, zero, toAffine] = ["addMixed", "zero", "batchToAffine"].map((name) => tm.instance.exports[`${prefix}_${name}`]);
  const table = tm.alloc(32 * 256 * size);
  let base = group.g;
  for (let byte = 0; byte < 32; byte++) {
    let multiple = group.zero;
    for (let digit = 1; digit < 256; digit++) {
      multiple = group.add(multiple, base);
      tm.setBuff(table + (byte * 256 + digit) * size, group.toAffine(multiple));
    }
    base = group.add(multiple, base);
  }
  const chunk = 1024;
  const [sums, points] = [tm.alloc((chunk * size * 3) / 2), tm.alloc(chunk * size)];
  return (scalars) => {
    const found = Buffer.alloc(scalars.length * size);
    for (let start = 0; start < scalars.length; start += chunk) {
      const count = Math.min(chunk, scalars.length - start);
      for (let i = 0; i < count; i++) {
        const sum = sums + (i * size * 3) / 2;
        zero(sum);
        for (let byte = 0, rest = scalars[start + i]; rest; byte++, rest >>= 8n) {
          const digit = Number(rest & 255n);
          if (digit) addMixed(sum, table + (byte * 256 + digit) * size, sum);
        }
      }
      toAffine(sums, count, points);
      found.set(tm.getBuff(points, count * size), start * size);
    }
    return found;
  };
}

const [first, second] = [multiplier(curve.G1, "g1m"), multiplier(curve.G2, "g2m")];
const n = 2 ** power;
const header = Buffer.alloc(44);
header.writeUInt32LE(32, 0);
for (let i = 0, q = curve.q; i < 32; i++, q >>= 8n) header[4 + i] = Number(q & 255n);
header.writeUInt32LE(power, 36);
header.writeUInt32LE(power, 40);
const placed = (level, points, size) => Buffer.concat([Buffer.alloc((2 ** level - 1) * size), points]);
const lower = lagrange(power);
const scaled = (factor) => lower.map((value) => (value * factor) % r);
const twelve = Buffer.concat([placed(power, first(lower), 64), first(lagrange(power + 1))]);
const sections = [
  [1, header],
  [2, first(powers(2 * n - 1))],
  [3, second([1n])],
  [4, first([alpha])],
  [5, first([beta])],
  [6, second([beta])],
  [7, Buffer.alloc(4)],
  [12, twelve],
  [13, placed(power, second(lower), 128)],
  [14, placed(power, first(scaled(alpha)), 64)],
  [15, placed(power, first(scaled(beta)), 64)],
];
const file = openSync(out, "w");
const head = Buffer.alloc(12);
head.write("ptau");
head.writeUInt32LE(1, 4);
head.writeUInt32LE(sections.length, 8);
writeSync(file, head);
for (const [kind, content] of sections) {
  const lead = Buffer.alloc(12);
  lead.writeUInt32LE(kind, 0);
  lead.writeBigUInt64LE(BigInt(content.length), 4);
  writeSync(file, lead);
  for (let at = 0; at < content.length; at += 2 ** 26) writeSync(file, content.subarray(at, at + 2 ** 26));
}
closeSync(file);
process.exit(0);
