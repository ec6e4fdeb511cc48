// What was judged, kept as one file: the verifier's own page with the evidence in it, gzip in base64, a line a text.
const MARK = "<!-- evidence -->";
const TEXT = new TextEncoder();

export class Keep {
  any = false;
  whole = null;

  /** A new run: what the last one kept is dropped. */
  async begin(index, shared) {
    await this.writer?.abort().catch(() => {});
    const { readable, writable } = new CompressionStream("gzip");
    this.writer = writable.getWriter();
    this.blob = new Response(readable).blob();
    this.blob.catch(() => {});
    [this.any, this.whole] = [false, null];
    await this.line(index);
    await this.line(shared);
  }

  async add(text) {
    await this.line(text);
    this.any = true;
  }

  // A text is one line as the server writes it; JSON has no line break outside its strings.
  async line(text) {
    await this.writer.write(TEXT.encode(`${text.replaceAll("\n", " ")}\n`));
  }

  /** Give the file to the reader. `page` is the verifier's page, empty of evidence. */
  async download(page, name) {
    const [before, after] = page.split(MARK);
    if (after === undefined) throw new Error("the verifier's page has no place for evidence");
    this.whole ??= (async () => {
      await this.writer.close();
      return base64(await this.blob);
    })();
    const evidence = await this.whole;
    const file = new Blob([before, `<script type="application/gzip" id="evidence">${evidence}</script>`, after], { type: "text/html" });
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }
}

const base64 = (blob) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result.slice(reader.result.indexOf(",") + 1)));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(blob);
  });
