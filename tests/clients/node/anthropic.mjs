// Anthropic's client for Node: Messages.

import Anthropic from "@anthropic-ai/sdk";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";

import { TRIP, WEATHER_JSON } from "./schemas.mjs";

const TOOL = { name: "get_weather", description: "Weather at a place", input_schema: WEATHER_JSON };

function client({ address, key, max_retries, timeout_s }) {
  return new Anthropic({ baseURL: address, apiKey: key, maxRetries: max_retries, timeout: timeout_s * 1000 });
}

function request({ model, text, max_tokens }, fields = {}) {
  return { model, max_tokens, messages: [{ role: "user", content: text }], ...fields };
}

function told(message) {
  const { usage } = message;
  return {
    text: message.content.map((block) => block.text ?? "").join(""),
    finish: message.stop_reason,
    calls: message.content
      .filter((block) => block.type === "tool_use")
      .map(({ name, input }) => ({ name, input })),
    input_tokens: usage.input_tokens,
    output_tokens: usage.output_tokens,
  };
}

export async function plain(asked) {
  return told(await client(asked).messages.create(request(asked)));
}

export async function stream(asked) {
  const helper = client(asked).messages.stream(request(asked));
  let pieces = 0;
  helper.on("text", () => (pieces += 1));
  return { ...told(await helper.finalMessage()), pieces };
}

async function tool_trip(asked, ask) {
  const first = await ask(request(asked, { tools: [TOOL] }));
  const results = first.content
    .filter((block) => block.type === "tool_use")
    .map(({ id }) => ({ type: "tool_result", tool_use_id: id, content: asked.result }));
  const messages = [
    { role: "user", content: asked.text },
    { role: "assistant", content: first.content },
    { role: "user", content: results },
  ];
  const second = await ask(request(asked, { tools: [TOOL], messages }));
  return { ...told(second), calls: told(first).calls, called: told(first).finish };
}

export async function tools(asked) {
  return tool_trip(asked, (body) => client(asked).messages.create(body));
}

export async function streamed_tools(asked) {
  return tool_trip(asked, (body) => client(asked).messages.stream(body).finalMessage());
}

export async function structured(asked) {
  const message = await client(asked).messages.parse(
    request(asked, { output_config: { format: zodOutputFormat(TRIP) } }),
  );
  return { ...told(message), object: message.parsed_output };
}

export async function image(asked) {
  const content = [
    { type: "text", text: asked.text },
    { type: "image", source: { type: "base64", media_type: "image/png", data: asked.png } },
  ];
  return told(await client(asked).messages.create(request(asked, { messages: [{ role: "user", content }] })));
}
