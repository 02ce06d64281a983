import { defineAgent } from "../src/core/definition.ts";
import { defineRuntime } from "../src/core/runtime-definition.ts";
import { AGENTS } from "./agents.ts";

/** Answers with what its model says, which is elsewhere. */
const waiter = defineAgent({
  name: "waiter",
  model: {
    model: "openai-compatible/scripted",
    baseURL: process.env["BENCH_MODEL"] ?? "http://127.0.0.1:1/v1",
  },
});

// What the daemon runs when it is measured.
export default defineRuntime({ agents: [...AGENTS, waiter] });
