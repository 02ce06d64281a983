import { cloudflare } from "../../src/backends/cloudflare.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";
import { client, echo, worker as asked } from "./relays.agents.ts";

/** The relays, with commas between them. */
declare const RELAYS: string;

const worker = cloudflare(
  defineRuntime({
    agents: [client, echo, asked],
    relays: RELAYS.split(","),
    ensure: [{ name: "wanted", type: "echo" }],
  }),
  { relays: { poll: "1s", stay: "1s" } },
);

export const { AgentObject, DirectoryObject, RelayObject } = worker;
export default worker.handler;
