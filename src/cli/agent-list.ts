import type { Client } from "../control/client.ts";
import { TRANSITIONS } from "../core/agent.ts";
import { allItems } from "./all-items.ts";
import type { AgentInfo } from "../core/runtime.ts";

/** What agents can be listed by. */
export const STATUSES: readonly string[] = Object.keys(TRANSITIONS);

/** Which agents are wanted. */
export interface AgentFilter {
  readonly type?: string | undefined;
  readonly status?: string | undefined;
  readonly label?: string | undefined;
  readonly parent?: string | undefined;
}

/** All agents of a home that are wanted, page by page. */
export async function allAgents(
  client: Client,
  { type, status, label, parent }: AgentFilter,
): Promise<readonly AgentInfo[]> {
  const query = new URLSearchParams();
  if (type !== undefined) query.set("type", type);
  if (status !== undefined) query.set("status", status);
  if (label !== undefined) query.set("label", label);
  if (parent !== undefined) query.set("parent", parent);
  return allItems<AgentInfo>(client, `/agents?${query.toString()}`);
}
