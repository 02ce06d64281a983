import { defineRuntime } from "@openagents/runtime";
import { assistant } from "./assistant.ts";

export default defineRuntime({
  agents: [assistant],
  ensure: [{ name: "assistant", type: "assistant" }],
});
