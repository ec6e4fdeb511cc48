// The proof pages of the portal: evidence comes from the server, and what was judged can be saved as one file that
// verifies itself anywhere, with no server.
import { Card } from "./card.js";
import { Keep } from "./keep.js";

const WHY = {
  401: "you are signed out; reload the page",
  409: "too few witnesses co-signed the log in the last five minutes, so the server gives no checkpoint to rely on; try again when they speak",
};

// A checkpoint that is asked for is never taken out of the browser's own store.
async function text(url, cache = "default") {
  const answer = await fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin", cache });
  if (!answer.ok) throw new Error(WHY[answer.status] ?? `the evidence could not be fetched (${answer.status})`);
  return answer.text();
}

// Where nothing is proven yet there is nothing to start.
for (const element of document.querySelectorAll("[data-verify]:has([data-start])")) {
  const { index, worker, verifier } = element.dataset;
  const source = { index: () => text(index, "no-store"), shared: (found) => text(found.shared), pack: ({ url }) => text(url) };
  const save = element.querySelector("[data-save]");
  const keep = save && verifier && typeof CompressionStream === "function" ? new Keep() : null;
  new Card(element, { source, keep, live: true, makeWorker: () => new Worker(worker, { type: "module" }) });
  save?.addEventListener("click", async () => keep.download(await text(verifier), save.dataset.save));
}
