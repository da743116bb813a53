// Keeps addresses short: a field that says nothing is left out of a shared link.
"use strict";

(() => {
  const quiet = (form) => {
    for (const field of form.elements) if (field.name && field.value === "") field.disabled = true;
  };
  const loud = (form) => {
    for (const field of form.elements) field.disabled = false;
  };

  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.target.matches?.("[data-filters]")) return;
    const given = event.detail.parameters;
    for (const name of Object.keys(given)) if (given[name] === "") delete given[name];
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-filters]") || event.defaultPrevented) return;
    quiet(event.target);
    setTimeout(loud, 0, event.target);
  });
})();
