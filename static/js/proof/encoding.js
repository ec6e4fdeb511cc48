// Strict reading of numbers and bytes: one value, one spelling. Everything here throws on anything else.

const DECIMAL = /^(?:0|[1-9][0-9]{0,77})$/;
const HEX = /^(?:[0-9a-f]{2})*$/;

/** A decimal string without sign or leading zero, below `modulus`, as a bigint. */
export function parseDecimal(text, modulus) {
  if (typeof text !== "string" || !DECIMAL.test(text)) throw new RangeError("not a canonical decimal number");
  const value = BigInt(text);
  if (value >= modulus) throw new RangeError("not below the modulus");
  return value;
}

/** A whole number in [low, high], as a bigint. */
export function parseWhole(value, low, high) {
  if (!Number.isSafeInteger(value) || value < low || value > high) throw new RangeError(`not a whole number from ${low} to ${high}`);
  return BigInt(value);
}

/** `length` bytes from a Uint8Array or from lower-case hexadecimal. */
export function parseBytes(source, length) {
  if (source instanceof Uint8Array) {
    if (source.length !== length) throw new RangeError(`not ${length} bytes`);
    return source;
  }
  if (typeof source !== "string" || source.length !== 2 * length || !HEX.test(source)) throw new RangeError(`not ${length} bytes`);
  return Uint8Array.from({ length }, (_, i) => parseInt(source.slice(2 * i, 2 * i + 2), 16));
}

/** Big-endian bytes as a bigint. */
export function bigEndian(bytes) {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
