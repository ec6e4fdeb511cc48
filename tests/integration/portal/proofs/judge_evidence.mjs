// Answers, for test_evidence.py: node judge_evidence.mjs WORKER < { runs: [{ index, shared, packs }] }. The worker's
// bundle is run as the browser gets it: messages in, messages out.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

let receive;
const answers = [];
globalThis.addEventListener = (_, handler) => (receive = handler);
globalThis.postMessage = (message) => answers.push(message);
await import(pathToFileURL(process.argv[2]));

const { runs } = JSON.parse(readFileSync(0, "utf8"));
const said = [];
for (const { index, shared, packs } of runs) {
  answers.length = 0;
  await receive({ data: { id: 0, start: { index: JSON.stringify(index), shared: JSON.stringify(shared) } } });
  if (!answers[0].failed) await receive({ data: { id: 1, packs: packs.map((pack) => JSON.stringify(pack)) } });
  const [ready, judged] = answers;
  said.push([ready, ...(judged?.judged ?? []).map((one) => (one.failed ? one : { judged: one }))]);
}
process.stdout.write(JSON.stringify(said));
