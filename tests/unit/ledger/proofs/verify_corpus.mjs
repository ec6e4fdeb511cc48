// Answers, for test_proof_verifiers.py: node verify_corpus.mjs BUNDLE < questions.json
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const proofs = await import(pathToFileURL(process.argv[2]));
const { cases, fixture } = JSON.parse(readFileSync(0, "utf8"));
const key = proofs.readKey(fixture.verificationKey);
const valid = fixture.segments.flatMap(({ publicInputs, proofs: all }) => all.map((proof) => ({ publicInputs, proof })));
const attempt = (question) => {
  try {
    return question();
  } catch {
    return "refused";
  }
};

const started = performance.now();
const repeated = Array.from({ length: 10 }, () => proofs.verify(key, valid[0].publicInputs, valid[0].proof));
const milliseconds = (performance.now() - started) / repeated.length;
const bytes = Uint8Array.from(Buffer.from(valid[0].proof, "hex"));
const spoilt = { ...valid[1], publicInputs: valid[2].publicInputs };

process.stdout.write(
  JSON.stringify({
    answers: cases.map(({ key: vk, inputs, proof }) => proofs.verify(vk, inputs, proof)),
    digest: key.digest,
    statements: fixture.segments.map(({ publicInputs }) => proofs.statementId(key, publicInputs)),
    expected: fixture.segments.map(({ records }) => proofs.expectedPublicInputs(records)),
    registry: proofs.registryRoot(fixture.devices),
    batch: proofs.verifyBatch(key, valid),
    batchOfOne: proofs.verifyBatch(key, valid.slice(0, 1)),
    spoiltBatches: valid.map((_, i) => proofs.verifyBatch(key, valid.toSpliced(i, 1, spoilt))),
    emptyBatch: proofs.verifyBatch(key, []),
    bytes: proofs.verify(key, valid[0].publicInputs, bytes),
    upperCase: proofs.verify(key, valid[0].publicInputs, valid[0].proof.toUpperCase()),
    strange: [undefined, null, 5, "", {}, []].map((thing) => [
      proofs.verify(thing, valid[0].publicInputs, valid[0].proof),
      proofs.verify(key, thing, valid[0].proof),
      proofs.verify(key, valid[0].publicInputs, thing),
      proofs.verifyBatch(key, thing),
    ]),
    misfits: [
      attempt(() => proofs.stepsRoot(Array(25).fill("1"))),
      attempt(() => proofs.stepsRoot(["01"])),
      attempt(() => proofs.expectedPublicInputs({ ...fixture.segments[0].records, stepLeaves: ["1"] })),
      attempt(() => proofs.expectedPublicInputs({ ...fixture.segments[0].records, readingsRoot: null })),
      attempt(() => proofs.expectedPublicInputs({ ...fixture.segments[0].records, therapy: "x" })),
      attempt(() => proofs.specHash({ ...fixture.segments[0].records.spec, span: { first: 0, last: 1, longest: 2 ** 32 } })),
    ],
    milliseconds,
  }),
);
