import { cloudflare } from "../../src/backends/cloudflare.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";
import { AGENTS } from "../agents.ts";

export const { AgentObject, DirectoryObject, handler } = cloudflare(
  defineRuntime({ agents: AGENTS }),
);
export default handler;
