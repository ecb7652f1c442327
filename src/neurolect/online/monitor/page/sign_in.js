// Gives the monitor its token: from the fragment of the address, which no server sees, or typed.

import { byId, post } from "./elements.js";

export async function signedIn() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given !== null) {
    history.replaceState(null, "", location.pathname);
    await post("/sign-in", { token: given }).catch(() => {});
  }
  const session = await (await fetch("/session")).json();
  if (!session.signed_in) await asked();
}

function asked() {
  const dialog = byId("sign-in");
  if (!dialog.open) dialog.showModal();
  dialog.oncancel = (event) => event.preventDefault();
  return new Promise((resolve) => {
    byId("sign-in-form").onsubmit = async (event) => {
      event.preventDefault();
      try {
        await post("/sign-in", { token: byId("token").value });
        byId("token").value = "";
        dialog.close();
        resolve();
      } catch (error) {
        byId("sign-in-said").textContent = error.message;
      }
    };
  });
}
