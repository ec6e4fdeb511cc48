// Verifies off the page's thread. Messages: { start: { index, shared, own, since } } once, then { packs } with some therapies'
// evidence; each is answered by { ready } or { judged }, or by { failed, problem }. Texts are parsed here, as they came.
import { Run, said } from "./judge.js";

let run = null;

addEventListener("message", async ({ data: { id, start, packs } }) => {
  try {
    if (start) {
      run = new Run(JSON.parse(start.index), JSON.parse(start.shared), start);
      postMessage({ id, ready: run.summary });
    } else {
      postMessage({ id, judged: await run.judge(packs) });
    }
  } catch (problem) {
    postMessage({ id, failed: true, problem: said(problem), check: problem.check });
  }
});
