// The label was put on the ledger a moment ago: open the print dialogue once, and not again on reload.
const url = new URL(location.href);
url.searchParams.delete("print");
history.replaceState(null, "", url);
window.print();
