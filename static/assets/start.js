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
  const { ask, figures } = window.orbitGateway;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    answer.textContent = "";
    said.hidden = refused.hidden = true;
    try {
      await tell(await send(form.model.value, form.prompt.value));
    } catch (error) {
      refused.textContent = error.message;
      refused.hidden = false;
    }
    button.disabled = false;
  });

  // The id of the request.
  async function send(model, prompt) {
    let id;
    await ask(form.dataset.key, { model, messages: [{ role: "user", content: prompt }] }, undefined, (heard) => {
      id = heard.id ?? id;
      answer.textContent = heard.text ?? answer.textContent;
    });
    return id;
  }

  async function tell(id) {
    said.textContent = "Waiting for the ledger …";
    said.hidden = false;
    const call = await figures(form.dataset.figures.replace(form.dataset.nobody, id));
    if (!call) {
      said.textContent = "The ledger does not have the call yet. It shows up on the dashboard when it does.";
      return;
    }
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
