// The Vercel AI SDK, with three of its providers; that of OpenAI for both of its surfaces.

import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, Output, stepCountIs, streamText, tool } from "ai";

import { TRIP, WEATHER } from "./schemas.mjs";

function cases(modelOf, providerOptions = () => ({})) {
  const settings = (asked, fields = {}) => ({
    model: modelOf(asked),
    maxOutputTokens: asked.max_tokens,
    maxRetries: asked.max_retries,
    timeout: asked.timeout_s * 1000,
    prompt: asked.text,
    providerOptions: providerOptions(asked),
    ...fields,
  });

  const offering = (asked) => ({
    tools: { get_weather: tool({ inputSchema: WEATHER, execute: () => asked.result }) },
    stopWhen: stepCountIs(2),
  });

  return {
    plain: async (asked) => told(await generateText(settings(asked))),

    stream: async (asked) => {
      const result = streamText(settings(asked, { onError: () => {} }));
      let pieces = 0;
      for await (const part of result.fullStream) {
        if (part.type === "text-delta") pieces += 1;
        if (part.type === "error") throw part.error;
      }
      const [text, finishReason, usage] = await Promise.all([result.text, result.finishReason, result.usage]);
      return { ...told({ text, finishReason, usage }), pieces };
    },

    tools: async (asked) => trip((await generateText(settings(asked, offering(asked)))).steps),

    streamed_tools: async (asked) => {
      const result = streamText(settings(asked, { ...offering(asked), onError: () => {} }));
      for await (const part of result.fullStream) if (part.type === "error") throw part.error;
      return trip(await result.steps);
    },

    two_turns: async (asked) => {
      const { prompt, ...rest } = settings(asked);
      const question = { role: "user", content: prompt };
      const { response } = await generateText({ ...rest, messages: [question] });
      return told(await generateText({ ...rest, messages: [question, ...response.messages, question] }));
    },

    by_id: async (asked) => {
      const offered = { ...offering(asked), stopWhen: stepCountIs(1) };
      const first = await generateText(settings(asked, offered));
      const openai = { previousResponseId: first.response.id };
      const { prompt, ...rest } = settings(asked, { ...offered, providerOptions: { openai } });
      const messages = first.response.messages.filter(({ role }) => role === "tool");
      return trip([first, await generateText({ ...rest, messages })]);
    },

    structured: async (asked) => {
      const result = await generateText(settings(asked, { output: Output.object({ schema: TRIP }) }));
      return { ...told(result), object: result.output };
    },

    image: async (asked) => {
      const content = [
        { type: "text", text: asked.text },
        { type: "file", data: asked.png, mediaType: "image/png" },
      ];
      const { prompt, ...rest } = settings(asked);
      return told(await generateText({ ...rest, messages: [{ role: "user", content }] }));
    },
  };
}

function told({ text, finishReason, usage }) {
  return {
    text,
    finish: finishReason,
    input_tokens: usage.inputTokens,
    output_tokens: usage.outputTokens,
  };
}

function trip([first, second]) {
  return {
    ...told(second),
    calls: first.toolCalls.map(({ toolName, input }) => ({ name: toolName, input })),
    called: first.finishReason,
  };
}

export const openai = cases(({ address, key, model }) =>
  createOpenAI({ baseURL: `${address}/v1`, apiKey: key }).chat(model),
);

// Told that a provider keeps nothing, it sends what was said in place of references to it.
export const responses = cases(
  ({ address, key, model }) => createOpenAI({ baseURL: `${address}/v1`, apiKey: key })(model),
  ({ stores }) => (stores ? {} : { openai: { store: false } }),
);

export const anthropic = cases(({ address, key, model }) =>
  createAnthropic({ baseURL: `${address}/v1`, apiKey: key })(model),
);

export const compatible = cases(({ address, key, model }) =>
  createOpenAICompatible({
    name: "orbit",
    baseURL: `${address}/v1`,
    apiKey: key,
    includeUsage: true,
    supportsStructuredOutputs: true,
  })(model),
);
