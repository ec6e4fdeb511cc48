// What the browser's verifier says of checkpoints: node judge_cosignatures.mjs < [{ note, policy, own, since, now }].
import { readFileSync } from "node:fs";

const { Vouching } = await import(new URL("../../../../static/js/proof/witnesses.js", import.meta.url));

const said = JSON.parse(readFileSync(0, "utf8")).map(({ note, policy, own, since, now }) => {
  try {
    return new Vouching({ policy, own, since, clock: () => now }).of(note);
  } catch (problem) {
    return { refused: problem.message, check: problem.check };
  }
});
process.stdout.write(JSON.stringify(said));
