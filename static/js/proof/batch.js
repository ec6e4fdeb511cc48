// Many proofs at once, and many signatures at once. A batch says only whether all of it holds; where it does not, halves
// of it are asked until each that fails is known by its place.
import { ed25519 } from "@noble/curves/ed25519.js";
import { hex } from "./encoding.js";
import { readCoordinates, verify, verifyBatch } from "./groth16.js";
import { engine } from "./quick.js";

/**
 * Which of these `{ key, publicInputs, proof }` fail: a Set of their places. One multi-Miller loop and one final
 * exponentiation for all that are under one key (Bellare, Garay and Rabin, "Fast batch verification", 1998: small
 * exponents, of 128 bits here). A proof that fails is always judged by itself, with noble, before it is called so.
 */
export async function failing(claims) {
  const quick = await engine();
  const under = new Map();
  claims.forEach(({ key }, place) => {
    if (!under.has(key)) under.set(key, []);
    under.get(key).push(place);
  });
  const failed = new Set();
  for (const [key, places] of under) for (const place of halved(key, places, claims, quick)) failed.add(place);
  return failed;
}

function halved(key, places, claims, quick) {
  if (allHold(key, places.map((place) => claims[place]), quick)) return [];
  if (places.length === 1) {
    const [{ publicInputs, proof }] = [claims[places[0]]];
    return verify(key, publicInputs, proof) ? [] : places;
  }
  const middle = places.length >> 1;
  return [places.slice(0, middle), places.slice(middle)].flatMap((half) => halved(key, half, claims, quick));
}

function allHold(key, claims, quick) {
  if (!quick) return claims.length > 1 && verifyBatch(key, claims);
  try {
    return quick.holds(key, claims.map(({ publicInputs, proof }) => readCoordinates(key, publicInputs, proof)));
  } catch {
    return false;
  }
}

/**
 * Which of these Ed25519 `{ signature, message, publicKey }` are not genuine: a Set of their places. The browser's own
 * implementation where it has one (about ten times as quick), else noble's; both by RFC 8032 without leniency.
 */
export async function forged(signatures) {
  const native = await nativeVerifier();
  const judged = await Promise.all(signatures.map((one) => (native ? native(one) : genuine(one))));
  return new Set(judged.flatMap((holds, place) => (holds ? [] : [place])));
}

/** Whether one signature is genuine, at once. */
export function genuine({ signature, message, publicKey }) {
  try {
    return ed25519.verify(signature, message, publicKey, { zip215: false });
  } catch {
    return false;
  }
}

// RFC 8032, section 7.1, test 2.
const KNOWN = {
  publicKey: bytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"),
  message: bytes("72"),
  signature: bytes("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
};

let found = null;

/** The browser's own verifier, if it has one that knows a good signature from a bad one; else null. */
function nativeVerifier() {
  found ??= (async () => {
    const subtle = globalThis.crypto?.subtle;
    if (!subtle) return null;
    const keys = new Map();
    const keyOf = (publicKey) => {
      const name = hex(publicKey);
      if (!keys.has(name)) keys.set(name, subtle.importKey("raw", publicKey, { name: "Ed25519" }, false, ["verify"]));
      return keys.get(name);
    };
    const check = async ({ signature, message, publicKey }) => {
      try {
        return await subtle.verify({ name: "Ed25519" }, await keyOf(publicKey), signature, message);
      } catch {
        return false;
      }
    };
    const other = { ...KNOWN, message: bytes("73") };
    return (await check(KNOWN)) && !(await check(other)) ? check : null;
  })();
  return found;
}

function bytes(text) {
  return Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
}
