// The way out of a page that no one should see: what comes takes its place, so that Back does not lead to it again.
// Without this script the link leads there all the same.
"use strict";
for (const link of document.querySelectorAll("a[data-leave]"))
  link.addEventListener("click", event => { event.preventDefault(); location.replace(link.href); });
