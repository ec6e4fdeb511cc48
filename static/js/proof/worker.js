// Verifies off the page's thread. Messages: { start: { index, shared } } once, then { pack } for each therapy; each is
// answered by { ready } or { judged }, or by { failed, problem }. Texts are parsed here, as they came.
import { Run, said } from "./judge.js";

let run = null;

addEventListener("message", ({ data: { id, start, pack } }) => {
  try {
    if (start) {
      run = new Run(JSON.parse(start.index), JSON.parse(start.shared));
      postMessage({ id, ready: run.summary });
    } else {
      postMessage({ id, judged: run.judge(JSON.parse(pack)) });
    }
  } catch (problem) {
    postMessage({ id, failed: true, problem: said(problem) });
  }
});
