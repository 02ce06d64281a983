import type { Connection } from "../control/client.ts";
import type { Page } from "../core/ports/index.ts";
import type { AgentInfo } from "../core/runtime.ts";

/**
 * The names of a home's agents, in their order, as many as come within `timeout` ms: for what is offered
 * while somebody types, or after a slip. None when the home does not answer.
 */
export async function agentNames({ url, token }: Connection, timeout: number): Promise<string[]> {
  const names: string[] = [];
  const signal = AbortSignal.timeout(timeout);
  try {
    for (let cursor: string | undefined = ""; cursor !== undefined;) {
      const query = new URLSearchParams({ limit: "1000", ...(cursor !== "" && { cursor }) });
      const page: Partial<Page<AgentInfo>> = await ask(`${url}/agents?${query.toString()}`);
      for (const { name, status } of page.items ?? [])
        if (status !== "terminated") names.push(name);
      cursor = page.cursor;
    }
  } catch {
    // What came in time is what there is.
  }
  return names;

  async function ask(address: string): Promise<Partial<Page<AgentInfo>>> {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(address, { headers, redirect: "manual", signal });
    return response.ok ? ((await response.json()) as Partial<Page<AgentInfo>>) : {};
  }
}
