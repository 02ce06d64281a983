import { defineRuntime } from "@openagents/runtime";
import { researcher } from "./researcher.ts";

export default defineRuntime({
  agents: [researcher],
  ensure: [{ name: "researcher", type: "researcher" }],
});
