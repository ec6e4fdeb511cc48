// Whether the browser's verifier accepts a saved proof: node verify_saved.mjs BUNDLE < saved.json
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { expectedPublicInputs, readKey, registryRoot, verify } = await import(pathToFileURL(process.argv[2]));
const { circuit, key, records, inputs, proof } = JSON.parse(readFileSync(0, "utf8"));

function holds() {
  if (!/^segment-[1-9][0-9]{0,5}\/v2$/.test(circuit)) return false;
  const { devices, readingsRoot } = records;
  const expected = expectedPublicInputs({ ...records, deviceRegistry: readingsRoot === null ? null : registryRoot(devices) });
  if (inputs.length !== expected.length || expected.some((input, i) => input !== inputs[i])) return false;
  return verify(readKey(key), expected, proof);
}

let answer = false;
try {
  answer = holds();
} catch {
  answer = false;
}
process.stdout.write(JSON.stringify(answer));
