// Calls of the gateway from a page: a chat completion as a stream, and what the ledger says of it afterwards.
"use strict";

window.orbitGateway = (() => {
  const headers = (key) => ({ Authorization: `Bearer ${key}`, "Content-Type": "application/json" });

  // What was refused, with the limit's figures where there are any.
  class Refused extends Error {
    constructor(error, status) {
      super(error?.message ?? `The gateway answered with ${status}.`);
      this.code = error?.code ?? String(status);
      this.figures = error?.orbit ?? {};
    }
  }

  async function* events(stream) {
    const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const parts = (rest + value).split(/\r?\n\r?\n/);
      rest = parts.pop();
      for (const part of parts) {
        const data = part.split(/\r?\n/).filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trim()).join("\n");
        if (data && data !== "[DONE]") yield JSON.parse(data);
      }
    }
  }

  async function json(response) {
    try {
      return await response.json();
    } catch {
      return {};
    }
  }

  // Tells `hear` of the request's id, each piece of text and the usage; ends with the whole text.
  async function ask(key, body, signal, hear) {
    const asked = { ...body, stream: true, stream_options: { include_usage: true } };
    const response = await fetch("/v1/chat/completions", { method: "POST", headers: headers(key), body: JSON.stringify(asked), signal });
    hear({ id: response.headers.get("x-orbit-request-id") });
    if (!response.ok) throw new Refused((await json(response)).error, response.status);
    let text = "";
    for await (const piece of events(response.body)) {
      if (piece.error) throw new Refused(piece.error, response.status);
      const choice = piece.choices?.[0];
      if (choice?.delta?.content) {
        text += choice.delta.content;
        hear({ text });
      }
      if (choice?.finish_reason) hear({ finish: choice.finish_reason });
      if (piece.usage) hear({ usage: piece.usage });
    }
    return text;
  }

  async function models(key) {
    const response = await fetch("/v1/models", { headers: headers(key) });
    if (!response.ok) throw new Refused((await json(response)).error, response.status);
    return (await response.json()).data.map((one) => one.id);
  }

  // The ledger has a call a moment after its last byte; null when it has not within ten seconds.
  async function figures(address) {
    for (let tries = 0; tries < 40; tries++) {
      const response = await fetch(address);
      if (response.status === 200) return response.json();
      if (!response.ok) return null;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    return null;
  }

  return { ask, models, figures, Refused };
})();
