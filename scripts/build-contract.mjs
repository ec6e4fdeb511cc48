#!/usr/bin/env node
// Compile ledger/anchors/contract/Needlepoint.sol into Needlepoint.json beside it (ABI, bytecode, compiler, digest of
// the source). `--check` only says whether the file is what the source gives. Needs `npm ci --prefix tests/chain`.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const folder = join(root, "ledger", "anchors", "contract");
const solc = createRequire(join(root, "tests", "chain", "package.json"))("solc");
const source = readFileSync(join(folder, "Needlepoint.sol"), "utf8");
const input = {
  language: "Solidity",
  sources: { "Needlepoint.sol": { content: source } },
  settings: {
    evmVersion: "paris",
    optimizer: { enabled: true, runs: 200 },
    metadata: { bytecodeHash: "none", appendCBOR: false },
    outputSelection: { "*": { Needlepoint: ["abi", "evm.bytecode.object"] } },
  },
};
const output = JSON.parse(solc.compile(JSON.stringify(input)));
const problems = (output.errors ?? []).map(({ formattedMessage }) => formattedMessage);
if (problems.length) {
  console.error(problems.join("\n"));
  process.exit(1);
}
const built = output.contracts["Needlepoint.sol"].Needlepoint;
const text = `${JSON.stringify(
  {
    compiler: solc.version().split("+commit")[0],
    evm: input.settings.evmVersion,
    source: createHash("sha256").update(source).digest("hex"),
    abi: built.abi,
    bytecode: `0x${built.evm.bytecode.object}`,
  },
  null,
  1,
)}\n`;
const file = join(folder, "Needlepoint.json");
if (process.argv.includes("--check")) {
  let held = "";
  try {
    held = readFileSync(file, "utf8");
  } catch {}
  if (held !== text) {
    console.error("Needlepoint.json is not what Needlepoint.sol gives. Run scripts/build-contract.mjs.");
    process.exit(1);
  }
} else {
  writeFileSync(file, text);
  console.log(`Needlepoint.json: ${built.evm.bytecode.object.length / 2} bytes`);
}
