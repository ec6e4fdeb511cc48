// Judges a therapy's proofs: everything that a proof must speak about is recomputed from signed records, then the
// pairing equations are checked, many at once. Answers are plain values, so that they can cross to the page.
import { failing, forged } from "./batch.js";
import { readChain, readCheckpoint, readShared } from "./facts.js";
import { Doubt, doubt, NOT_GENUINE } from "./log.js";
import { specificationOf, stepsOf } from "./specification.js";
import { expectedPublicInputs, registryRoot } from "./statement.js";
import { publicInputsThen } from "./statement-v1.js";
import { Vouching } from "./witnesses.js";

const INPUTS = ["therapy", "specHash", "readingsRoot", "stepsRoot", "releaseRoot", "deviceRegistry"];
const INPUT_WORDS = {
  therapy: "another therapy",
  specHash: "another specification than the protocol's",
  readingsRoot: "other readings than those committed",
  stepsRoot: "other steps than those on record",
  releaseRoot: "other release tests than those on record",
  deviceRegistry: "other loggers than those registered",
};

/**
 * One run over many therapies: the checkpoint and the shared facts are read once. `own` are the reader's own witnesses,
 * `since` is when the evidence was asked for, null for evidence that was kept (witnesses.js).
 */
export class Run {
  constructor(index, shared, { own = null, since = null } = {}) {
    this.checkpoint = readCheckpoint(index);
    const vouching = new Vouching({ policy: index.policy, own, since });
    this.vouched = vouching.of(index.note);
    this.facts = readShared(shared, this.checkpoint, vouching);
    this.roots = new Map();
  }

  get summary() {
    const { parties, protocols, keys, devices, count } = this.facts;
    return {
      ...this.checkpoint,
      vouched: this.vouched,
      records: count,
      members: parties.size,
      protocols: protocols.size,
      devices: devices.length,
      keys: [...keys].map(([digest, { ceremony, circuit }]) => ({ digest, ceremony, circuit })),
    };
  }

  /**
   * Judges several therapies at once, each the text of its evidence. One answer each, in their order:
   * `{ therapy, records, complete, segments: [{ segment, title, holds, problem, … }] }`, or `{ failed, problem }`.
   */
  async judge(texts) {
    const signatures = [];
    const claims = [];
    const answers = texts.map((text) => this.#opened(text, signatures, claims));
    for (const place of await forged(signatures)) Object.assign(signatures[place].answer, { failed: true, problem: NOT_GENUINE });
    const asked = claims.filter(({ answer }) => !answer.failed);
    for (const place of await failing(asked)) {
      Object.assign(asked[place].segment, { holds: false, problem: "the proof does not hold: the pairing equation fails" });
    }
    return answers;
  }

  // Everything but signatures and pairing equations, which are put into the two lists with what they decide on.
  #opened(text, signatures, claims) {
    const answer = {};
    const [own, asked] = [[], []];
    try {
      const chain = readChain(JSON.parse(text), this.facts, this.checkpoint, own);
      const protocol = this.facts.protocols.get(chain.protocol);
      if (chain.proofs.length && !protocol) doubt("the therapy's protocol is not on the ledger");
      const segments = chain.proofs.map((proof) => this.#segment(proof, chain, protocol, asked));
      Object.assign(answer, { therapy: chain.therapy, records: chain.count, complete: chain.complete, segments });
    } catch (problem) {
      return Object.assign(answer, { failed: true, problem: said(problem) });
    }
    own.forEach((one) => signatures.push({ ...one, answer }));
    asked.forEach((one) => claims.push({ ...one, answer }));
    return answer;
  }

  #segment(proof, chain, protocol, asked) {
    const segment = protocol.segments.find(({ code }) => code === proof.segment);
    const answer = { segment: proof.segment, title: segment?.title ?? proof.segment, circuit: proof.circuit, key: proof.key, holds: false, problem: "" };
    try {
      if (!segment) doubt("the protocol has no such segment");
      const { key, publicInputs, covers } = this.#claimed(proof, chain, protocol, segment);
      Object.assign(answer, covers, { holds: true });
      asked.push({ key, publicInputs, proof: proof.proof, segment: answer });
    } catch (problem) {
      answer.problem = said(problem);
    }
    return answer;
  }

  // What the proof has to hold for, by the records alone; `holds` is taken back where the equation then fails.
  #claimed(proof, chain, protocol, segment) {
    const known = this.facts.keys.get(proof.key);
    if (!known) doubt("its verification key is not on the ledger");
    if (known.circuit !== proof.circuit) doubt("its verification key was published for another circuit");
    const leaf = ({ code, optional }, name) => chain.done[code]?.[name] ?? (optional ? null : doubt(`the step “${code}” is not on record`));
    const readingsRoot = segment.leg ? (chain.readings[segment.leg] ?? doubt("its readings are not on record")) : null;
    const deviceRegistry = segment.leg ? this.#registry(proof.registry_size) : null;
    const said = { therapy: chain.therapy, readingsRoot, deviceRegistry };
    const { steps, tests } = stepsOf(protocol, segment);
    const expected = isFirstVersion(proof.circuit)
      ? publicInputsThen({ ...said, protocol, segment, done: chain.done, leaf })
      : expectedPublicInputs({
          ...said,
          spec: specificationOf(protocol, segment),
          stepLeaves: steps.map((step) => leaf(step, "leaf")),
          testLeaves: tests.map((step) => leaf(step, "test_leaf")),
        });
    const other = INPUTS.find((name, i) => proof.inputs[name] !== expected[i]);
    if (other) doubt(`the proof speaks of ${INPUT_WORDS[other]}`);
    const done = steps.filter(({ code }) => chain.done[code]).length;
    const covers = { ceremony: known.ceremony, steps: done, tests: tests.length, readings: Boolean(segment.leg) };
    return { key: known.key, publicInputs: expected, covers };
  }

  #registry(size) {
    if (!this.roots.has(size)) {
      const devices = this.facts.devices.filter(({ place }) => place < size);
      if (devices.length !== size || devices.some(({ place }, i) => place !== i)) doubt("the register of loggers has gaps");
      this.roots.set(size, registryRoot(devices.map(({ point }) => point)));
    }
    return this.roots.get(size);
  }
}

// The circuit's name on the ledger says which statement it proves: segment-600/v2.
function isFirstVersion(circuit) {
  const version = /^segment-[1-9][0-9]{0,5}\/v([12])$/.exec(circuit)?.[1] ?? doubt("the proof is for a statement that this page does not know");
  return version === "1";
}

/** A failure as a sentence: ours as it stands, anything else named as malformed. */
export function said(problem) {
  return problem instanceof Doubt ? problem.message : `the evidence is malformed (${problem.message})`;
}
