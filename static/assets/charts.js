// Charts: what is under the pointer or has the focus is read out above them; arrow keys go from point to point.
"use strict";

(() => {
  const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

  function readOut(point) {
    const chart = point.closest("[data-chart]");
    chart.querySelector("[data-readout]").textContent = point.getAttribute("aria-label");
  }

  function nothing(chart) {
    const focused = chart.querySelector(".chart-point:focus");
    chart.querySelector("[data-readout]").textContent = focused ? focused.getAttribute("aria-label") : "";
  }

  for (const name of ["pointerover", "focusin"]) {
    document.addEventListener(name, (event) => {
      const point = event.target.closest?.(".chart-point");
      if (point) readOut(point);
    });
  }
  for (const name of ["pointerout", "focusout"]) {
    document.addEventListener(name, (event) => {
      const chart = event.target.closest?.("[data-chart]");
      if (event.target.closest?.(".chart-point")) nothing(chart);
    });
  }

  document.addEventListener("keydown", (event) => {
    const point = event.target.closest?.(".chart-point");
    if (!point || !(event.key in STEPS) || event.ctrlKey || event.metaKey || event.altKey) return;
    const points = [...point.closest("svg").querySelectorAll(".chart-point")];
    const at = Math.min(Math.max(points.indexOf(point) + STEPS[event.key], 0), points.length - 1);
    event.preventDefault();
    for (const one of points) one.setAttribute("tabindex", one === points[at] ? "0" : "-1");
    points[at].focus();
  });
})();
