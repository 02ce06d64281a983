import { defineRuntime } from "@openagents/runtime";
import { cloudflare } from "@openagents/runtime/backends/cloudflare";
import { greeter } from "../examples/greeter/greeter.ts";

export const { AgentObject, DirectoryObject, handler } = cloudflare(
  defineRuntime({ agents: [greeter] }),
);
export default handler;
