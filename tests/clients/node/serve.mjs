// Answers each line of JSON on its input with one on its output: {library, case, ...} -> {value | error, sent}.

import { subscribe } from "node:diagnostics_channel";
import { createInterface } from "node:readline";

import * as anthropic from "./anthropic.mjs";
import * as openai from "./openai.mjs";
import * as openaiResponses from "./openai_responses.mjs";
import * as vercel from "./vercel.mjs";

const LIBRARIES = {
  "openai-node": openai,
  "openai-node-responses": openaiResponses,
  "anthropic-node": anthropic,
  "vercel-openai": vercel.openai,
  "vercel-responses": vercel.responses,
  "vercel-anthropic": vercel.anthropic,
  "vercel-compatible": vercel.compatible,
};

// Counted below the clients, which are thus used as they are.
let sent = 0;
subscribe("undici:request:create", () => (sent += 1));

function described(error) {
  const last = error.lastError ?? error; // Vercel's RetryError holds those of all tries
  return {
    class: error.constructor.name,
    last: last.constructor.name,
    status: last.status ?? last.statusCode ?? null,
    code: last.code ?? last.data?.error?.code ?? null,
    message: String(error.message),
    body: last.responseBody ?? last.error ?? null,
    cause: error.cause?.constructor?.name ?? null,
    name: error.name,
  };
}

async function answer(asked) {
  const before = sent;
  try {
    const value = await LIBRARIES[asked.library][asked.case](asked);
    return { value, sent: sent - before };
  } catch (error) {
    return { error: described(error), sent: sent - before };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n");
}
