import type { Client } from "../control/client.ts";
import { TRANSITIONS } from "../core/agent.ts";
import type { AgentInfo } from "../core/runtime.ts";

/** What agents can be listed by. */
export const STATUSES: readonly string[] = Object.keys(TRANSITIONS);

/** Which agents are wanted. */
export interface AgentFilter {
  readonly type?: string | undefined;
  readonly status?: string | undefined;
}

/** All agents of a home that are wanted, page by page. */
export async function allAgents(
  client: Client,
  { type, status }: AgentFilter,
): Promise<readonly AgentInfo[]> {
  const agents: AgentInfo[] = [];
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({ limit: "1000" });
    if (type !== undefined) query.set("type", type);
    if (status !== undefined) query.set("status", status);
    if (cursor !== undefined) query.set("cursor", cursor);
    const page = await client.page<AgentInfo>(`/agents?${query.toString()}`);
    agents.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return agents;
}
