// OpenAI's client for Node: chat completions.

import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";

import { TRIP, WEATHER_JSON } from "./schemas.mjs";

const TOOL = { type: "function", function: { name: "get_weather", parameters: WEATHER_JSON } };

export function client({ address, key, max_retries, timeout_s }) {
  return new OpenAI({ baseURL: `${address}/v1`, apiKey: key, maxRetries: max_retries, timeout: timeout_s * 1000 });
}

function request({ model, text, max_tokens }, fields = {}) {
  return { model, max_completion_tokens: max_tokens, messages: [{ role: "user", content: text }], ...fields };
}

function told(answer) {
  const { message, finish_reason } = answer.choices[0];
  return {
    text: message.content,
    finish: finish_reason,
    calls: (message.tool_calls ?? []).map((one) => ({
      name: one.function.name,
      input: JSON.parse(one.function.arguments),
    })),
    input_tokens: answer.usage.prompt_tokens,
    output_tokens: answer.usage.completion_tokens,
  };
}

export async function plain(asked) {
  return told(await client(asked).chat.completions.create(request(asked)));
}

export async function stream(asked) {
  const chunks = await client(asked).chat.completions.create(
    request(asked, { stream: true, stream_options: { include_usage: true } }),
  );
  const pieces = [];
  let finish, usage;
  for await (const chunk of chunks) {
    const choice = chunk.choices[0];
    if (choice?.delta.content) pieces.push(choice.delta.content);
    finish = choice?.finish_reason ?? finish;
    usage = chunk.usage ?? usage;
  }
  return {
    text: pieces.join(""),
    pieces: pieces.length,
    finish,
    input_tokens: usage.prompt_tokens,
    output_tokens: usage.completion_tokens,
  };
}

async function tool_trip(asked, ask) {
  const first = await ask(request(asked, { tools: [TOOL] }));
  const { message } = first.choices[0];
  const results = message.tool_calls.map((one) => ({
    role: "tool",
    tool_call_id: one.id,
    content: asked.result,
  }));
  const messages = [{ role: "user", content: asked.text }, message, ...results];
  const second = await ask(request(asked, { tools: [TOOL], messages }));
  return { ...told(second), calls: told(first).calls, called: told(first).finish };
}

export async function tools(asked) {
  return tool_trip(asked, (body) => client(asked).chat.completions.create(body));
}

export async function streamed_tools(asked) {
  return tool_trip(asked, (body) =>
    client(asked)
      .chat.completions.stream({ ...body, stream_options: { include_usage: true } })
      .finalChatCompletion(),
  );
}

export async function structured(asked) {
  const answer = await client(asked).chat.completions.parse(
    request(asked, { response_format: zodResponseFormat(TRIP, "trip") }),
  );
  return { ...told(answer), object: answer.choices[0].message.parsed };
}

export async function image(asked) {
  const content = [
    { type: "text", text: asked.text },
    { type: "image_url", image_url: { url: `data:image/png;base64,${asked.png}` } },
  ];
  return told(
    await client(asked).chat.completions.create(request(asked, { messages: [{ role: "user", content }] })),
  );
}
