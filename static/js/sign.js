// Signing with a passkey. The form is sent once to learn what would be recorded (nothing stays of that), the passkey signs
// its digest, and the form goes out again with the answer. Who signs without a passkey never gets here.

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));

const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

const wanted = (form) => {
  const how = form.elements.namedItem("idempotency_key")?.dataset?.sign;
  if (how === "passkey") return true;
  const email = form.elements.namedItem("second_email");
  return how === "second" && Boolean(email?.value.trim()) && !form.elements.namedItem("second_password")?.value;
};

/** Ask one passkey; its answer as plain text. Raises when the person cancels, or the device has none. */
const answer = async (options) => {
  const found = await navigator.credentials.get({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      allowCredentials: options.allowCredentials.map((one) => ({ ...one, id: bytes(one.id) })),
    },
  });
  return {
    id: text(found.rawId),
    response: {
      authenticatorData: text(found.response.authenticatorData),
      clientDataJSON: text(found.response.clientDataJSON),
      signature: text(found.response.signature),
    },
  };
};

const say = (form, kind, title, detail) => {
  form.querySelector("[data-sign-said]")?.remove();
  if (!title) return;
  const note = document.createElement("div");
  note.className = `np-note is-${kind}`;
  note.dataset.signSaid = "";
  note.setAttribute("role", kind === "stop" ? "alert" : "status");
  const body = document.createElement("div");
  const head = document.createElement("b");
  head.textContent = title;
  const rest = document.createElement("div");
  rest.className = "np-note__t";
  rest.textContent = detail;
  body.append(head, rest);
  note.append(document.createElement("span"), body);
  const button = form.querySelector("[type=submit]:not([formaction])") ?? form.lastElementChild;
  (button.closest(".np-row, .np-card__f, .np-dock") ?? button).before(note);
};

const unlock = (form) => {
  delete form.dataset.sending;
  form.classList.remove("is-sending");
  form.removeAttribute("aria-busy");
};

const replace = async (response, refresh) => {
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  document.title = page.title;
  document.body.replaceWith(document.adoptNode(page.body));
  refresh(document);
  globalThis.htmx?.process(document.body);
};

const sign = async (form, submitter, refresh) => {
  const body = new FormData(form, submitter);
  const action = submitter?.getAttribute("formaction") ?? form.getAttribute("action") ?? location.href;
  const response = await fetch(action || location.href, { method: "POST", body, headers: { "X-Needlepoint-Sign": "prepare" } });
  if (!response.headers.get("content-type")?.startsWith("application/json")) {
    const next = response.headers.get("X-Needlepoint-Next");
    if (next) return location.assign(next);
    return replace(response, refresh);
  }
  const { prepared, ask } = await response.json();
  const answers = {};
  for (const position of Object.keys(ask).sort()) {
    const second = position === "2";
    say(form, "move", second ? "Now the second person" : "Confirm on your device", "The passkey asks for finger, face or PIN.");
    try {
      answers[position] = await answer(ask[position]);
    } catch {
      say(form, "stop", "The passkey did not sign", "Nothing was recorded. Press the button to try again.");
      return unlock(form);
    }
  }
  say(form, "move", "Signed. Recording", "");
  let proof = form.elements.namedItem("signing_proof");
  if (!proof) {
    proof = document.createElement("input");
    proof.type = "hidden";
    proof.name = "signing_proof";
    form.append(proof);
  }
  proof.value = JSON.stringify({ prepared, answers });
  form.dataset.signed = "1";
  unlock(form);
  form.requestSubmit(submitter);
};

export const initSigning = (refresh) => {
  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      if (!(form instanceof HTMLFormElement) || event.defaultPrevented) return;
      if (form.dataset.signed) {
        delete form.dataset.signed;
        return;
      }
      if (!wanted(form)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      sign(form, event.submitter, refresh).catch(() => {
        say(form, "stop", "No connection", "A passkey needs the portal to sign. Nothing was recorded; try again with a signal.");
        unlock(form);
      });
    },
    true,
  );
};
