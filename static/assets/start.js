// Copies what is shown, and sends one question through the gateway with the key that was just issued.
"use strict";

(() => {
  for (const button of document.querySelectorAll("[data-copy]")) {
    const label = button.textContent;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = label), 2000);
    });
  }

  const form = document.querySelector("[data-try]");
  if (!form) return;
  const [answer, said, refused] = ["answer", "said", "refused"].map((name) => form.querySelector(`[data-${name}]`));
  const headers = { Authorization: `Bearer ${form.dataset.key}`, "Content-Type": "application/json" };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    answer.textContent = "";
    said.hidden = refused.hidden = true;
    try {
      await ask(form.model.value, form.prompt.value);
    } catch (error) {
      refused.textContent = error.message;
      refused.hidden = false;
    }
    button.disabled = false;
  });

  async function ask(model, prompt) {
    const body = { model, messages: [{ role: "user", content: prompt }], stream: true, stream_options: { include_usage: true } };
    const response = await fetch("/v1/chat/completions", { method: "POST", headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error((await response.json()).error.message);
    for await (const piece of events(response.body)) {
      if (piece.error) throw new Error(piece.error.message);
      answer.textContent += piece.choices?.[0]?.delta?.content ?? "";
    }
    await show(response.headers.get("x-orbit-request-id"));
  }

  async function* events(stream) {
    const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const parts = (rest + value).split("\n\n");
      rest = parts.pop();
      for (const part of parts) {
        const data = part.replace(/^data: /, "");
        if (data !== "[DONE]" && part.startsWith("data: ")) yield JSON.parse(data);
      }
    }
  }

  // The ledger has the call a moment after its last byte.
  async function show(id) {
    said.textContent = "Waiting for the ledger …";
    said.hidden = false;
    for (let tries = 0; tries < 40; tries++) {
      const response = await fetch(form.dataset.figures.replace(form.dataset.nobody, id));
      if (response.status === 200) return tell(await response.json(), id);
      if (!response.ok) break;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    said.textContent = "The ledger does not have the call yet. It shows up on the dashboard when it does.";
  }

  function tell(call, id) {
    const known = call.cost_nano !== null;
    const amount = (call.cost_nano / 1e9).toLocaleString("en", { maximumSignificantDigits: 3, maximumFractionDigits: 9 });
    const cost = known ? `${amount} ${call.currency}` : "no known cost";
    said.textContent = `${call.input_tokens} tokens in, ${call.output_tokens} out, ${cost}. `;
    const link = document.createElement("a");
    link.className = "link";
    link.href = form.dataset.call.replace(form.dataset.nobody, id);
    link.textContent = `Call ${id} in the ledger`;
    said.append(link);
  }
})();
