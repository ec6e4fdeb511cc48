// The proof pages of the portal: evidence comes from the server, and what was judged can be saved as one file that
// verifies itself anywhere, with no server.
import { Card } from "./card.js";
import { Keep } from "./keep.js";

async function text(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  if (!answer.ok) throw new Error(answer.status === 401 ? "you are signed out; reload the page" : `the evidence could not be fetched (${answer.status})`);
  return answer.text();
}

// Where nothing is proven yet there is nothing to start.
for (const element of document.querySelectorAll("[data-verify]:has([data-start])")) {
  const { index, worker, verifier } = element.dataset;
  const source = { index: () => text(index), shared: (found) => text(found.shared), pack: ({ url }) => text(url) };
  const save = element.querySelector("[data-save]");
  const keep = save && verifier && typeof CompressionStream === "function" ? new Keep() : null;
  new Card(element, { source, keep, makeWorker: () => new Worker(worker, { type: "module" }) });
  save?.addEventListener("click", async () => keep.download(await text(verifier), save.dataset.save));
}
