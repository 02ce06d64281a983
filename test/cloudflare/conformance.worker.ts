import { cloudflare } from "../../src/backends/cloudflare.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";
import { conformanceAgents, remoteOutside } from "../../src/testing/backend-conformance.ts";

declare const OUTSIDE: string;
declare const RELEASE: string;

export const { AgentObject, DirectoryObject, HomeObject, handler } = cloudflare(
  defineRuntime({ agents: conformanceAgents(remoteOutside(OUTSIDE), RELEASE === "2" ? 2 : 1) }),
);
export default handler;
