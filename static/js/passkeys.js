// django-allauth's passkey scripts report a cancelled or missing passkey as an event: it is said beside the button.

export const initPasskeys = () => {
  document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    for (const note of document.querySelectorAll("[data-passkey-said]")) note.hidden = false;
  });
};
