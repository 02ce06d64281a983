import { defineAgent, defineRuntime } from "../../src/index.ts";

/** Works through what its model asks for, by a server that is elsewhere, as the model is. */
const worker = defineAgent({
  name: "worker",
  retry: { backoff: 10 },
  model: { model: "openai-compatible/scripted", baseURL: process.env["MODEL_URL"] },
  think: {
    prices: {
      scripted: {
        input: 1_000_000,
        output: 1_000_000,
        cacheRead: 1_000_000,
        cacheWrite: 1_000_000,
      },
    },
  },
  tools: {
    work: {
      parameters: { type: "object", properties: { part: { type: "integer" } } },
      execute: async ({ part }: { part: number }, { key, signal }) => {
        const url = `${process.env["MODEL_URL"]}/work?part=${part}&key=${key}`;
        return (await fetch(url, { signal })).text();
      },
    },
  },
});

export default defineRuntime({
  agents: [worker],
  ensure: [{ name: "worker", type: "worker" }],
});
