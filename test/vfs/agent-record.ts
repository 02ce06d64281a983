import type { AgentRecord } from "../../src/core/agent.ts";

/** The entry of an agent of this name; its id is `npub-NAME`. */
export function agentRecord(name: string): AgentRecord {
  return {
    id: `npub-${name}`,
    publicKey: `key-${name}`,
    name,
    type: "test",
    labels: [],
    status: "live",
    account: 1,
    createdAt: 1,
  };
}
