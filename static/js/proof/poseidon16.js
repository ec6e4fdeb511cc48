// Poseidon over sixteen inputs, as circomlib and poseidon-lite have it, in the quicker schedule of the paper's appendix B
// (Grassi et al., USENIX Security 2021), and remembered: a protocol's specification is hashed once, not once a therapy.
//
// In a partial round only the first element goes through x^5; on the others the round is linear. So their constants are
// pushed to the end, and the matrix M = ((m, row), (column, N)) is replaced by a sparse one: row·N^r and N^-(r+1)·column
// in round r, with N^68 made up for once, after the last.
import constants from "../../../node_modules/poseidon-lite/constants/16.js";
import { bn254 } from "@noble/curves/bn254.js";

const F = bn254.fields.Fr.ORDER;
const T = 17;
const HALF = 4;
const PARTIAL = 68;
const MOST = 4096;
const known = new Map();
let schedule = null;

export function poseidon16(inputs) {
  if (inputs.length !== T - 1) throw new RangeError("Poseidon takes sixteen inputs here");
  const name = inputs.map((input) => input.toString(36)).join();
  const remembered = known.get(name);
  if (remembered !== undefined) return remembered;
  const hash = hashed(inputs);
  if (known.size >= MOST) known.delete(known.keys().next().value);
  known.set(name, hash);
  return hash;
}

function hashed(inputs) {
  const { first, last, single, m, rows, columns, power, M } = (schedule ??= made());
  let state = [0n, ...inputs];
  for (const round of first) state = times(M, state.map((value, i) => fifth(value + round[i])));
  for (let r = 0; r < PARTIAL; r += 1) {
    const head = fifth(state[0] + single[r]);
    const [row, column] = [rows[r], columns[r]];
    let sum = m * head;
    for (let i = 1; i < T; i += 1) {
      sum += row[i - 1] * state[i];
      state[i] = (state[i] + column[i - 1] * head) % F;
    }
    state[0] = sum % F;
  }
  state = [state[0], ...times(power, state.slice(1))];
  for (const round of last) state = times(M, state.map((value, i) => fifth(value + round[i])));
  return state[0];
}

function fifth(value) {
  const square = (value * value) % F;
  return (((square * square) % F) * value) % F;
}

function times(matrix, vector) {
  return matrix.map((row) => {
    let sum = 0n;
    for (let i = 0; i < vector.length; i += 1) sum += row[i] * vector[i];
    return sum % F;
  });
}

function made() {
  const read = (text) => BigInt(`0x${Array.from(atob(text), (character) => character.charCodeAt(0).toString(16).padStart(2, "0")).join("")}`);
  const C = constants.C.map(read);
  const M = constants.M.map((row) => row.map(read));
  if (M.length !== T || C.length !== T * (2 * HALF + PARTIAL)) throw new Error("Poseidon's constants have another shape");
  const round = (r) => C.slice(r * T, (r + 1) * T);
  const N = M.slice(1).map((row) => row.slice(1));
  const inverse = inverted(N);
  const transposed = N.map((_, i) => N.map((row) => row[i]));
  const [single, rows, columns] = [[], [], []];
  let pushed = Array(T).fill(0n);
  let row = M[0].slice(1);
  let column = M.slice(1).map((each) => each[0]);
  let power = N.map((_, i) => N.map((_, j) => (i === j ? 1n : 0n)));
  for (let r = 0; r < PARTIAL; r += 1) {
    const now = round(HALF + r).map((value, i) => (value + pushed[i]) % F);
    single.push(now[0]);
    pushed = times(M, [0n, ...now.slice(1)]);
    rows.push(row);
    row = times(transposed, row);
    column = times(inverse, column);
    columns.push(column);
  }
  for (let bits = PARTIAL, square = N; bits; bits >>= 1, square = product(square, square)) if (bits & 1) power = product(power, square);
  const last = Array.from({ length: HALF }, (_, r) => round(HALF + PARTIAL + r));
  last[0] = last[0].map((value, i) => value + pushed[i]);
  return { first: Array.from({ length: HALF }, (_, r) => round(r)), last, single, m: M[0][0], rows, columns, power, M };
}

function product(left, right) {
  const turned = right[0].map((_, j) => right.map((row) => row[j]));
  return left.map((row) => times(turned, row));
}

// Gauss and Jordan over the field.
function inverted(matrix) {
  const size = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1n : 0n))]);
  for (let i = 0; i < size; i += 1) {
    const pivot = rows.findIndex((row, k) => k >= i && row[i] !== 0n);
    [rows[i], rows[pivot]] = [rows[pivot], rows[i]];
    const scale = bn254.fields.Fr.inv(rows[i][i]);
    rows[i] = rows[i].map((value) => (value * scale) % F);
    for (let k = 0; k < size; k += 1) {
      const factor = F - rows[k][i];
      if (k !== i && factor !== F) rows[k] = rows[k].map((value, j) => (value + factor * rows[i][j]) % F);
    }
  }
  return rows.map((row) => row.slice(size));
}
