// OpenAI's client for Node: Responses.

import { setTimeout } from "node:timers/promises";

import { zodTextFormat } from "openai/helpers/zod";

import { client } from "./openai.mjs";
import { TRIP, WEATHER_JSON } from "./schemas.mjs";

const TOOL = { type: "function", name: "get_weather", parameters: WEATHER_JSON, strict: false };
const BREATH_MS = 50; // between two looks at what is done in the background

function request({ model, text, max_tokens }, fields = {}) {
  return { model, max_output_tokens: max_tokens, input: text, ...fields };
}

function create(asked, fields) {
  return client(asked).responses.create(request(asked, fields));
}

function told(response) {
  return {
    text: response.output_text,
    finish: response.status,
    calls: callsIn(response).map((one) => ({ name: one.name, input: JSON.parse(one.arguments) })),
    input_tokens: response.usage?.input_tokens, // none if it failed
    output_tokens: response.usage?.output_tokens,
  };
}

function callsIn(response) {
  return response.output.filter((item) => item.type === "function_call");
}

export async function plain(asked) {
  return told(await create(asked));
}

export async function stream(asked) {
  const helper = client(asked).responses.stream(request(asked));
  let pieces = 0;
  helper.on("response.output_text.delta", () => (pieces += 1));
  return { ...told(await helper.finalResponse()), pieces };
}

function results(asked, response) {
  return callsIn(response).map((one) => ({
    type: "function_call_output",
    call_id: one.call_id,
    output: asked.result,
  }));
}

function tripTold(first, second) {
  return { ...told(second), calls: told(first).calls, called: told(first).finish };
}

async function toolTrip(asked, ask) {
  const first = await ask({ tools: [TOOL] });
  const input = [{ role: "user", content: asked.text }, ...first.output, ...results(asked, first)];
  return tripTold(first, await ask({ tools: [TOOL], input }));
}

export async function tools(asked) {
  return toolTrip(asked, (fields) => create(asked, fields));
}

export async function streamed_tools(asked) {
  return toolTrip(asked, (fields) => client(asked).responses.stream(request(asked, fields)).finalResponse());
}

export async function by_id(asked) {
  const first = await create(asked, { tools: [TOOL] });
  const fields = { tools: [TOOL], input: results(asked, first), previous_response_id: first.id };
  return tripTold(first, await create(asked, fields));
}

export async function structured(asked) {
  const response = await client(asked).responses.parse(
    request(asked, { text: { format: zodTextFormat(TRIP, "trip") } }),
  );
  return { ...told(response), object: response.output_parsed };
}

export async function image(asked) {
  const content = [
    { type: "input_text", text: asked.text },
    { type: "input_image", image_url: `data:image/png;base64,${asked.png}`, detail: "auto" },
  ];
  return told(await create(asked, { input: [{ role: "user", content }] }));
}

export async function stored(asked) {
  const made = await create(asked);
  const kept = client(asked).responses;
  const found = await kept.retrieve(made.id);
  const items = [];
  for await (const item of kept.inputItems.list(made.id)) items.push(item.type);
  await kept.delete(made.id);
  return { ...told(made), id: made.id, found: found.output_text, items };
}

export async function retrieved(asked) {
  return told(await client(asked).responses.retrieve(asked.id));
}

export async function counted(asked) {
  const { input_tokens } = await client(asked).responses.inputTokens.count({
    model: asked.model,
    input: asked.text,
  });
  return { input_tokens };
}

export async function background(asked) {
  const made = await create(asked, { background: true });
  const deadline = Date.now() + asked.timeout_s * 1000;
  let found = made;
  while (["queued", "in_progress"].includes(found.status) && Date.now() < deadline) {
    await setTimeout(BREATH_MS);
    found = await client(asked).responses.retrieve(made.id);
  }
  return { ...told(found), began: made.status };
}

export async function cancelled(asked) {
  const made = await create(asked, { background: true });
  return { finish: (await client(asked).responses.cancel(made.id)).status };
}
