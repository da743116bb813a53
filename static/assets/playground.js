// The playground: up to three models answer the same conversation side by side. The key stays in this tab.
"use strict";

(() => {
  const root = document.querySelector("[data-playground]");
  const { ask, models, figures, Refused } = window.orbitGateway;
  const find = (name, inside = root) => inside.querySelector(`[data-${name}]`);
  const place = `orbit-playground-${root.dataset.slug}`;
  const MOST = 3;
  let key = "", running = null, known = [], coding = 0;

  // ---- the key
  const csrf = () => root.querySelector("[name=csrfmiddlewaretoken]").value;
  const post = (address, body, type) => fetch(address, { method: "POST", body, headers: { "X-CSRFToken": csrf(), ...(type ? { "Content-Type": type } : {}) } });

  function trouble(text) {
    find("trouble").textContent = text;
    find("trouble").hidden = !text;
  }

  async function take(text, until) {
    trouble("");
    try {
      known = (await models(text)).filter((one) => !/embedding|whisper|tts|dall-e|moderation|image/.test(one));
    } catch (error) {
      sessionStorage.removeItem(place);
      return trouble(error.message);
    }
    key = text;
    if (until) sessionStorage.setItem(place, JSON.stringify({ key, until }));
    find("key-form").hidden = true;
    find("key-shown").hidden = false;
    find("key-said").textContent = until ? `A key of your own, until ${new Date(until).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}.` : `${text.slice(0, 7)}…${text.slice(-3)}, forgotten when you leave this page.`;
    find("end").hidden = !until;
    find("work").hidden = false;
    for (const column of columns()) fill(column);
    if (!columns().length) add();
    find("prompt").focus();
  }

  function forget() {
    sessionStorage.removeItem(place);
    key = "";
    find("key-form").hidden = false;
    find("key-shown").hidden = true;
    find("work").hidden = true;
  }

  find("issue")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const response = await post(event.target.action, new FormData(event.target));
    const told = await response.json().catch(() => ({}));
    if (response.status === 201) return take(told.key, told.expires_at);
    trouble(told.message ? `${told.field}: ${told.message}.` : "No key was issued. Load the page again and repeat.");
  });
  find("paste").addEventListener("submit", (event) => {
    event.preventDefault();
    const field = event.target.elements.pasted;
    take(field.value.trim(), null);
    field.value = "";
  });
  find("other-key").addEventListener("click", forget);
  find("end").addEventListener("click", async () => {
    if (!confirm("The key ends now, in every tab that uses it. Go on?")) return;
    await post(root.dataset.end);
    forget();
  });

  // ---- columns
  const columns = () => [...root.querySelectorAll("[data-column]")];

  function fill(column) {
    const chosen = column.querySelector("select");
    const before = chosen.value || known[columns().indexOf(column) % known.length];
    chosen.replaceChildren(...known.map((one) => new Option(one, one, false, one === before)));
  }

  function add() {
    const column = find("blank").content.cloneNode(true).firstElementChild;
    column.turns = [];
    find("columns").append(column);
    fill(column);
    find("drop", column).addEventListener("click", () => {
      column.remove();
      arrange();
    });
    column.querySelector("select").addEventListener("change", code);
    arrange();
  }

  function arrange() {
    const there = columns();
    there.forEach((column, number) => {
      column.querySelector("select").setAttribute("aria-label", `Model ${number + 1}`);
      find("drop", column).hidden = there.length === 1;
    });
    find("columns").dataset.count = there.length;
    find("add").hidden = there.length >= MOST;
    code();
  }

  find("add").addEventListener("click", add);

  // ---- one request
  function settings() {
    const given = new FormData(find("settings")), made = {};
    for (const name of ["temperature", "top_p", "max_tokens"]) if (given.get(name)) made[name] = Number(given.get(name));
    const stop = given.get("stop").split("\n").filter(Boolean).slice(0, 4);
    if (stop.length) made.stop = stop;
    if (given.get("reasoning_effort")) made.reasoning_effort = given.get("reasoning_effort");
    if (given.get("format") === "json_object") made.response_format = { type: "json_object" };
    if (given.get("format") === "json_schema") {
      let schema;
      try {
        schema = JSON.parse(given.get("schema") || "{}");
      } catch (error) {
        throw new Error(`The JSON schema cannot be read: ${error.message}`);
      }
      made.response_format = { type: "json_schema", json_schema: { name: "answer", strict: true, schema } };
    }
    return made;
  }

  function body(column, turns) {
    const system = new FormData(find("settings")).get("system").trim();
    return { model: column.querySelector("select").value, messages: [...(system ? [{ role: "system", content: system }] : []), ...turns], ...settings() };
  }

  function bubble(column, role, text) {
    const made = find(role).content.cloneNode(true).firstElementChild;
    made.querySelector("[data-text]").textContent = text;
    find("turns", column).append(made);
    made.scrollIntoView({ block: "nearest" });
    return made;
  }

  async function answer(column, prompt, signal) {
    const turns = [...column.turns, { role: "user", content: prompt }], started = performance.now(), heard = {};
    bubble(column, "asked", prompt);
    const shown = bubble(column, "answered", ""), text = find("text", shown), said = find("said", shown);
    const seconds = (from) => `${((performance.now() - from) / 1000).toFixed(2)} s`;
    text.setAttribute("aria-busy", "true");
    try {
      const whole = await ask(key, body(column, turns), signal, (piece) => {
        if (piece.text !== undefined) {
          heard.first ??= seconds(started);
          text.textContent = piece.text;
        }
        Object.assign(heard, piece);
      });
      column.turns = [...turns, { role: "assistant", content: whole }];
    } catch (error) {
      if (error.name === "AbortError") {
        said.dataset.stopped = "yes";
        column.turns = heard.text ? [...turns, { role: "assistant", content: heard.text }] : column.turns;
      } else explain(shown, error);
    }
    text.removeAttribute("aria-busy");
    const took = seconds(started), parts = [];
    if (said.dataset.stopped) parts.push("stopped");
    if (heard.first) parts.push(`first token after ${heard.first}`, `${took} in all`);
    if (heard.usage) parts.push(`${heard.usage.prompt_tokens} tokens in, ${heard.usage.completion_tokens} out`);
    if (heard.finish === "length") parts.push("cut off by its maximum");
    said.textContent = parts.join(" · ");
    if (heard.id && !shown.dataset.refused) await account(said, heard);
  }

  const money = (nano, currency) => `${(nano / 1e9).toLocaleString("en", { maximumSignificantDigits: 3, maximumFractionDigits: 9 })} ${currency}`;

  async function account(said, heard) {
    const call = await figures(root.dataset.figures.replace(root.dataset.nobody, heard.id));
    const link = document.createElement("a");
    link.className = "link";
    link.href = root.dataset.call.replace(root.dataset.nobody, heard.id);
    link.textContent = call ? "in the ledger" : "not in the ledger yet";
    if (call && !heard.usage) said.append(`${said.textContent ? " · " : ""}${call.input_tokens} tokens in, ${call.output_tokens} out`);
    if (call) said.append(`${said.textContent ? " · " : ""}${call.cost_nano === null ? "no known cost" : money(call.cost_nano, call.currency)}`);
    said.append(" · ", link);
  }

  function explain(shown, error) {
    shown.dataset.refused = error.code ?? "failed";
    const told = find("refusal").content.cloneNode(true).firstElementChild;
    find("why", told).textContent = error instanceof Refused || !(error instanceof TypeError) ? error.message : "The gateway could not be reached.";
    find("code", told).textContent = error.code ?? "";
    const figure = error.figures ?? {}, unit = (value) => (figure.meter === "cost" ? money(value, root.dataset.currency) : `${value.toLocaleString("en")} ${figure.meter === "concurrency" ? "calls" : figure.meter}`);
    const rows = [["Limit", figure.limit && `${figure.limit} of ${figure.level} ${figure.object}`], ["Allowed", figure.limit_value !== undefined && `${unit(figure.limit_value)}${figure.per ? ` per ${figure.per}` : ""}`], ["Spent", figure.spent !== undefined && unit(figure.spent)], ["Held by running calls", figure.held ? unit(figure.held) : false], ["Free", figure.free !== undefined && unit(figure.free)], ["Needed", figure.need !== undefined && unit(figure.need)], ["Room again", figure.retry_at && new Date(figure.retry_at).toLocaleString()]];
    for (const [label, value] of rows) {
      if (!value) continue;
      const term = document.createElement("dt"), said = document.createElement("dd");
      [term.textContent, said.textContent, term.className] = [label, value, "text-muted"];
      find("figures-of", told).append(term, said);
    }
    find("limits", told).hidden = !figure.limit;
    if (figure.request_id) {
      find("explained", told).hidden = false;
      find("explained", told).querySelector("a").href = `${root.dataset.explain}?request_id=${figure.request_id}`;
    }
    shown.append(told);
  }

  // ---- the composer
  async function send() {
    const prompt = find("prompt").value.trim();
    if (!prompt || running || !key) return;
    trouble("");
    try {
      settings();
    } catch (error) {
      return trouble(error.message);
    }
    running = new AbortController();
    find("prompt").value = "";
    find("send").disabled = true;
    find("stop").hidden = false;
    await Promise.all(columns().map((column) => answer(column, prompt, running.signal)));
    running = null;
    find("send").disabled = false;
    find("stop").hidden = true;
    find("prompt").focus();
    code();
  }

  find("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  find("prompt").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
  });
  find("stop").addEventListener("click", () => running?.abort());
  find("anew").addEventListener("click", () => {
    running?.abort();
    for (const column of columns()) {
      column.turns = [];
      find("turns", column).replaceChildren();
    }
    find("prompt").focus();
  });

  // ---- as code
  function code() {
    clearTimeout(coding);
    if (find("as-code").open && columns().length) coding = setTimeout(write, 250);
  }

  async function write() {
    const [column] = columns();
    let asked;
    try {
      asked = body(column, column.turns.length ? column.turns.filter((_, at) => at < column.turns.length - 1) : [{ role: "user", content: find("prompt").value || "Hello" }]);
    } catch {
      return;
    }
    const response = await post(root.dataset.code, JSON.stringify(asked), "application/json");
    if (!response.ok) return;
    for (const [name, text] of Object.entries(await response.json())) document.getElementById(`code-${name}`).textContent = text;
  }

  find("as-code").addEventListener("toggle", code);
  find("settings").addEventListener("input", (event) => {
    if (event.target.name === "format") find("schema").hidden = event.target.value !== "json_schema";
    code();
  });

  const kept = JSON.parse(sessionStorage.getItem(place) ?? "null");
  if (kept && new Date(kept.until) > new Date()) take(kept.key, kept.until);
})();
