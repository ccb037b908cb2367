// The ceremonies of passkeys: signing in, enrolling with a code, one more passkey of whoever is signed in, and signing an
// approval.
// A part of a page with data-passkey shows only where the browser can do it.
"use strict";

const PATH = "/desk/passkey";

async function ask(where, said) {
  const answer = await fetch(PATH + where, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(said),
    credentials: "same-origin",
    redirect: "error",
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.detail);
  return told;
}

async function signIn() {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(await ask("/login/options", {}));
  const found = await navigator.credentials.get({ publicKey });
  return ask("/login", { response: JSON.stringify(found.toJSON()) });
}

async function make(part) {
  const who = { code: part.dataset.code || "", csrf: part.dataset.csrf || "" };
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(await ask("/new/options", who));
  const made = await navigator.credentials.create({ publicKey });
  const label = part.querySelector("input").value;
  return ask("/new", { ...who, label, response: JSON.stringify(made.toJSON()) });
}

async function sign(part) {
  const what = { csrf: part.dataset.csrf, number: Number(part.dataset.number) };
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(await ask("/sign/options", what));
  const found = await navigator.credentials.get({ publicKey });
  return ask("/sign", { ...what, response: JSON.stringify(found.toJSON()) });
}

const CEREMONIES = { login: signIn, enrol: make, add: make, sign };

function prepare(part) {
  const button = part.querySelector("button");
  const alert = part.querySelector("[role=alert]");
  button.addEventListener("click", async () => {
    button.disabled = true;
    alert.hidden = true;
    try {
      const told = await CEREMONIES[part.dataset.passkey](part);
      location.assign(told.location);
    } catch (reason) {
      const isOurs = reason.name === "Error" && reason.message;
      alert.textContent = "⚠ " + (isOurs ? reason.message : "No passkey was used. Nothing was done. Try again.");
      alert.hidden = false;
      button.disabled = false;
    }
  });
  part.hidden = false;
}

if (window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON) {
  document.querySelectorAll("[data-passkey]").forEach(prepare);
}
