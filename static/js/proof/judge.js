// Judges a therapy's proofs: everything that a proof must speak about is recomputed from signed records, then the
// pairing equation is checked. Answers are plain values, so that they can cross from a worker to its page.
import { readChain, readCheckpoint, readShared } from "./facts.js";
import { verify } from "./groth16.js";
import { Doubt, doubt } from "./log.js";
import { specificationOf, stepsOf } from "./specification.js";
import { expectedPublicInputs, registryRoot } from "./statement.js";

const INPUTS = ["therapy", "specHash", "readingsRoot", "stepsRoot", "releaseRoot", "deviceRegistry"];
const INPUT_WORDS = {
  therapy: "another therapy",
  specHash: "another specification than the protocol's",
  readingsRoot: "other readings than those committed",
  stepsRoot: "other steps than those on record",
  releaseRoot: "other release tests than those on record",
  deviceRegistry: "other loggers than those registered",
};

/** One run over many therapies: the checkpoint and the shared facts are read once. */
export class Run {
  constructor(index, shared) {
    this.checkpoint = readCheckpoint(index);
    this.facts = readShared(shared, this.checkpoint);
    this.roots = new Map();
  }

  get summary() {
    const { parties, protocols, keys, devices, count } = this.facts;
    return {
      ...this.checkpoint,
      records: count,
      members: parties.size,
      protocols: protocols.size,
      devices: devices.length,
      keys: [...keys].map(([digest, { ceremony, circuit }]) => ({ digest, ceremony, circuit })),
    };
  }

  /** `{ therapy, records, complete, segments: [{ segment, title, holds, problem, … }] }`; throws a Doubt. */
  judge(pack) {
    const chain = readChain(pack, this.facts, this.checkpoint);
    const protocol = this.facts.protocols.get(chain.protocol);
    if (chain.proofs.length && !protocol) doubt("the therapy's protocol is not on the ledger");
    const segments = chain.proofs.map((proof) => this.#segment(proof, chain, protocol));
    return { therapy: chain.therapy, records: chain.count, complete: chain.complete, segments };
  }

  #segment(proof, chain, protocol) {
    const started = performance.now();
    const segment = protocol.segments.find(({ code }) => code === proof.segment);
    const answer = { segment: proof.segment, title: segment?.title ?? proof.segment, circuit: proof.circuit, key: proof.key, holds: false, problem: "" };
    try {
      if (!segment) doubt("the protocol has no such segment");
      Object.assign(answer, this.#holds(proof, chain, protocol, segment), { holds: true });
    } catch (problem) {
      answer.problem = said(problem);
    }
    return { ...answer, milliseconds: performance.now() - started };
  }

  #holds(proof, chain, protocol, segment) {
    const known = this.facts.keys.get(proof.key);
    if (!known) doubt("its verification key is not on the ledger");
    const { steps, tests } = stepsOf(protocol, segment, chain.done);
    const leaf = (code, name) => chain.done[code]?.[name] ?? doubt(`the step “${code}” is not on record`);
    const expected = expectedPublicInputs({
      therapy: chain.therapy,
      spec: specificationOf(protocol, segment, chain.done),
      stepLeaves: steps.map(({ code }) => leaf(code, "leaf")),
      testLeaves: tests.map(({ code }) => leaf(code, "test_leaf")),
      readingsRoot: segment.leg ? (chain.readings[segment.leg] ?? doubt("its readings are not on record")) : null,
      deviceRegistry: segment.leg ? this.#registry(proof.registry_size) : null,
    });
    const other = INPUTS.find((name, i) => proof.inputs[name] !== expected[i]);
    if (other) doubt(`the proof speaks of ${INPUT_WORDS[other]}`);
    if (!verify(known.key, expected, proof.proof)) doubt("the proof does not hold: the pairing equation fails");
    return { ceremony: known.ceremony, steps: steps.length, tests: tests.length, readings: Boolean(segment.leg) };
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

/** A failure as a sentence: ours as it stands, anything else named as malformed. */
export function said(problem) {
  return problem instanceof Doubt ? problem.message : `the evidence is malformed (${problem.message})`;
}
