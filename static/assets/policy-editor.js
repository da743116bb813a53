// The policy editor: two views of one draft, mistakes at their fields, lines that one can jump to.
"use strict";

(() => {
  const editor = document.querySelector("[data-editor]");
  if (!editor) return;
  const tabs = [...editor.querySelectorAll('[role="tab"]')];
  const views = tabs.map((tab) => document.getElementById(tab.getAttribute("aria-controls")));
  let unsaved = false;

  function choose(number, focus) {
    tabs.forEach((tab, place) => {
      tab.setAttribute("aria-selected", String(place === number));
      tab.tabIndex = place === number ? 0 : -1;
      views[place].hidden = place !== number;
    });
    if (focus) tabs[number].focus();
  }

  editor.querySelector("[data-tabs]").hidden = false;
  tabs.forEach((tab, number) => {
    tab.addEventListener("click", () => choose(number, false));
    tab.addEventListener("keydown", (event) => {
      if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
      event.preventDefault();
      choose(1 - number, true);
    });
  });
  choose(0, false);

  // Fields that mean something only where another one says so.
  function fold() {
    for (const part of editor.querySelectorAll("[data-only]")) {
      const [name, value] = part.dataset.only.split("=");
      part.hidden = editor.elements[name]?.value !== value;
    }
  }

  function mark() {
    for (const old of editor.querySelectorAll("[data-said]")) old.remove();
    for (const field of editor.querySelectorAll("[data-path][aria-invalid]")) field.removeAttribute("aria-invalid");
    for (const fault of editor.querySelectorAll("[data-fault]")) {
      const field = [...editor.querySelectorAll("[data-path]")].find((one) => fault.dataset.fault.startsWith(one.dataset.path) && !/^[a-z0-9_]/i.test(fault.dataset.fault.slice(one.dataset.path.length)));
      if (!field) continue;
      const note = document.createElement("p");
      note.className = "mt-1 text-xs text-bad";
      note.dataset.said = "";
      note.id = `said-${field.name}`;
      note.textContent = fault.querySelector("[data-message]").textContent;
      field.setAttribute("aria-invalid", "true");
      field.setAttribute("aria-describedby", note.id);
      field.after(note);
    }
    const verdict = document.getElementById("verdict");
    editor.querySelector("[data-save]").toggleAttribute("disabled", verdict.dataset.ok !== "yes");
    fold();
  }

  editor.addEventListener("input", (event) => {
    if (event.target.name !== "days") unsaved = true;
    fold();
  });
  editor.addEventListener("submit", () => (unsaved = false));
  window.addEventListener("beforeunload", (event) => unsaved && event.preventDefault());
  document.addEventListener("htmx:afterSettle", mark);
  document.addEventListener("htmx:responseError", () => trouble());
  document.addEventListener("htmx:sendError", () => trouble());
  mark();

  function trouble() {
    const verdict = document.getElementById("verdict");
    if (verdict.querySelector("[data-trouble]")) return;
    const note = document.createElement("p");
    note.className = "notice notice-warn";
    note.dataset.trouble = "";
    note.textContent = "What is below could not be checked just now. It is checked again when you go on, and when it is saved.";
    verdict.prepend(note);
  }

  // From a mistake to its line in the text.
  editor.addEventListener("click", (event) => {
    const line = event.target.closest("[data-line]")?.dataset.line;
    if (!line) return;
    choose(1, false);
    const text = document.getElementById("document");
    const lines = text.value.split("\n");
    const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    text.focus();
    text.setSelectionRange(start, start + (lines[line - 1] ?? "").length);
    text.scrollTop = Math.max(0, (line - 4) * 20);
  });
})();
