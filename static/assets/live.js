// Refreshes what is marked data-live while somebody looks at it, and says so when that fails.
"use strict";

(() => {
  const regions = () => document.querySelectorAll("[data-live]");

  function refresh() {
    if (document.visibilityState !== "visible") return;
    for (const region of regions()) htmx.trigger(region, "refresh");
  }

  function showTrouble(shown) {
    for (const note of document.querySelectorAll("[data-live-trouble]")) note.hidden = !shown;
  }

  for (const region of regions()) setInterval(refresh, Number(region.dataset.live) * 1000);
  document.addEventListener("visibilitychange", refresh);
  document.addEventListener("htmx:sendError", () => showTrouble(true));
  document.addEventListener("htmx:timeout", () => showTrouble(true));
  document.addEventListener("htmx:responseError", () => showTrouble(true));

  // A refresh must not close what the reader has opened.
  let opened = [];
  document.addEventListener("htmx:beforeSwap", (event) => {
    opened = [...event.target.querySelectorAll("details[open][id]")].map((details) => details.id);
  });
  document.addEventListener("htmx:afterSwap", () => {
    showTrouble(false);
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  });
})();
