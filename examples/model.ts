import { env } from "node:process";
import type { ModelReference } from "@openagents/runtime";
import { scriptedServer } from "@openagents/runtime/models/scripted";
import type { Script } from "@openagents/runtime/models/scripted";

/**
 * The model of the examples: any that speaks the chat completions API of OpenAI, by the variables
 * `OPENAI_BASE_URL`, `OPENAI_API_KEY` and `OPENAI_MODEL`. Without the first two it is a script, which speaks the
 * same API and needs no network: it knows what the example shows, and nothing else.
 */
export function modelOr(script: Script): ModelReference {
  const { OPENAI_BASE_URL: baseURL, OPENAI_API_KEY: key, OPENAI_MODEL: name } = env;
  if (!baseURL && !key) {
    const server = scriptedServer(script);
    return {
      model: "openai-compatible/scripted",
      baseURL: "http://scripted.invalid/v1",
      fetch: (input, init) => server(new Request(input, init)),
    };
  }
  return {
    model: `openai-compatible/${name || "gpt-5-mini"}`,
    baseURL: baseURL || "https://api.openai.com/v1",
    // By name, so that the home keeps it out of whatever is kept or told. A model at home needs none.
    ...(key && { apiKey: { secret: "OPENAI_API_KEY" } }),
  };
}
