// Checks of a page, called by tests/e2e/looked_at.py. Each answers with what is wrong, in words.
window.orbitChecks = (() => {
  const said = (element) => {
    const text = (element.getAttribute("aria-label") || element.textContent || element.name || "").trim();
    return `<${element.tagName.toLowerCase()}> ${text.replace(/\s+/g, " ").slice(0, 50)}`;
  };
  const seen = (element) =>
    element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;

  // What Tab should stop at: of radio buttons of one name the chosen one, or any.
  function stops() {
    const found = document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]");
    return [...found].filter((one) => {
      if (one.tabIndex < 0 || one.disabled || one.type === "hidden" || !seen(one)) return false;
      if (one.tagName === "SUMMARY" && one !== one.parentElement.querySelector("summary")) return false;
      return !(one.type === "radio" && !one.checked);
    });
  }

  // A ring that one sees: an outline, or what a part of a drawing shows instead.
  function hasRing(element) {
    const style = getComputedStyle(element);
    if (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) return true;
    const place = element.querySelector(".chart-place");
    return Boolean(place) && getComputedStyle(place).stroke !== "none";
  }

  const log = { stops: [], unringed: [], unseen: [], reached: [] };

  function watchFocus() {
    log.stops = stops();
    document.addEventListener("focusin", (event) => {
      const one = event.target;
      log.reached.push(one);
      if (one.id !== "main" && !hasRing(one)) log.unringed.push(said(one));
      const box = one.getBoundingClientRect();
      if (box.width < 2 || box.height < 2) log.unseen.push(said(one));
    });
    // Dates and times have a stop for each of their parts.
    const parts = document.querySelectorAll("input[type=date], input[type=time], input[type=datetime-local]").length * 7;
    return log.stops.length + parts;
  }

  function focusTold() {
    const reached = new Set(log.reached);
    const expected = new Set(log.stops);
    const order = log.reached.filter((one) => expected.has(one)).map((one) => log.stops.indexOf(one));
    const wraps = order.filter((place, number) => number && place < order[number - 1]).length;
    return {
      missed: log.stops.filter((one) => !reached.has(one)).map(said),
      unringed: log.unringed,
      unseen: log.unseen,
      jumps: wraps > 1 ? [`${wraps} times backwards`] : [],
      first: log.reached.length ? said(log.reached[0]) : "nothing",
    };
  }

  function openAll() {
    for (const details of document.querySelectorAll("details")) details.open = true;
  }

  // What sticks out of the page sideways, but for what scrolls by itself.
  function sticksOut() {
    const width = document.documentElement.clientWidth;
    const scrolls = (element) => {
      for (let one = element; one && one !== document.body; one = one.parentElement)
        if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(one).overflowX)) return true;
      return false;
    };
    const out = [...document.querySelectorAll("body *")].filter((one) => {
      const box = one.getBoundingClientRect();
      return seen(one) && box.width > 1 && (box.right > width + 1 || box.left < -1) && !scrolls(one);
    });
    const page = document.documentElement.scrollWidth > width ? ["the page scrolls sideways"] : [];
    return page.concat(out.slice(0, 5).map(said));
  }

  // Text that is cut without a sign of it: neither scrolled to nor ended by three dots.
  function cut() {
    return [...document.querySelectorAll("main *")]
      .filter((one) => {
        const style = getComputedStyle(one);
        const hides = ["hidden", "clip"].includes(style.overflowX) && style.textOverflow !== "ellipsis";
        return hides && seen(one) && one.clientWidth > 2 && one.scrollWidth > one.clientWidth + 1 && one.textContent.trim();
      })
      .map(said);
  }

  async function axe(rules) {
    const options = { resultTypes: ["violations"], ...rules };
    const found = await window.axe.run(document, options);
    return found.violations
      .filter((one) => ["serious", "critical"].includes(one.impact))
      .flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 140)} ${node.failureSummary.split("\n").slice(1).join(" ").trim().slice(0, 160)}`));
  }

  return { watchFocus, focusTold, openAll, sticksOut, cut, axe };
})();
