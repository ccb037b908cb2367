// Fills in the code of the message that comes, where the browser reads it and its owner agrees, and signs in with it.
// Without this script it is typed, or the keyboard offers it.
"use strict";
const field = document.getElementById("code");
if ("OTPCredential" in window) {
  const typed = new AbortController();
  field.form.addEventListener("submit", () => typed.abort());
  navigator.credentials.get({ otp: { transport: ["sms"] }, signal: typed.signal })
    .then(message => { field.value = message.code; field.form.requestSubmit(); })
    .catch(() => {});
}
