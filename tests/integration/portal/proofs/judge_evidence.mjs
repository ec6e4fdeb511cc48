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
const said = runs.map(({ index, shared, packs }) => {
  answers.length = 0;
  receive({ data: { id: 0, start: { index: JSON.stringify(index), shared: JSON.stringify(shared) } } });
  if (!answers[0].failed) packs.forEach((pack, i) => receive({ data: { id: i + 1, pack: JSON.stringify(pack) } }));
  return [...answers];
});
process.stdout.write(JSON.stringify(said));
