import { cloudflare } from "../../src/backends/cloudflare.ts";
import { defineRuntime } from "../../src/core/definition.ts";
import { conformanceAgents, remoteOutside } from "../../src/testing/backend-conformance.ts";

declare const OUTSIDE: string;

export const { AgentObject, DirectoryObject, HomeObject, handler } = cloudflare(
  defineRuntime({ agents: conformanceAgents(remoteOutside(OUTSIDE)) }),
);
export default handler;
