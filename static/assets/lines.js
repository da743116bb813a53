// Adds and takes away lines of a list in a form. Without this script there are some empty lines instead.
"use strict";

for (const list of document.querySelectorAll("[data-lines]")) {
  const place = list.parentElement;
  const more = place.querySelector("[data-more]");
  const lines = () => list.querySelectorAll("[data-line]");

  function count() {
    more.hidden = lines().length >= Number(list.dataset.most);
    lines().forEach((line, at) => {
      line.querySelector("[data-less]").hidden = lines().length === 1;
      for (const named of line.querySelectorAll("[aria-label]")) {
        named.setAttribute("aria-label", named.getAttribute("aria-label").replace(/\d+$/, String(at + 1)));
      }
    });
  }

  list.addEventListener("click", (event) => {
    const less = event.target.closest("[data-less]");
    if (!less) return;
    less.closest("[data-line]").remove();
    count();
    more.focus();
  });

  more.addEventListener("click", () => {
    const line = lines()[lines().length - 1].cloneNode(true);
    for (const field of line.querySelectorAll("input")) field.value = field.name === "weight" ? "1" : "";
    list.append(line);
    count();
    line.querySelector("select, input").focus();
  });

  // the empty lines that were there for want of this script
  [...lines()].slice(1).forEach((line) => line.querySelector('[name="model"]').value || line.remove());
  place.querySelector("[data-without-script]").hidden = true;
  count();
}
