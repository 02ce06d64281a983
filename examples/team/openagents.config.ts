import { defineRuntime } from "@openagents/runtime";
import { lead, worker } from "./team.ts";

export default defineRuntime({
  agents: [lead, worker],
  // The workers are made by the lead.
  ensure: [{ name: "lead", type: "lead" }],
});
