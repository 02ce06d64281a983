import type { AgentStatus } from "../../core/agent.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import type { DurableObjectStore } from "../../stores/durable-object.ts";
import type { Directory } from "./directory.ts";
import type { ObjectContext } from "./platform.ts";

/** A store that notes when its agent's status changes, and tells the directory. */
export interface StatusReport {
  readonly store: DurableObjectStore;
  /**
   * Tells the directory what changed since it was last told; to be called before a request is
   * answered. When it cannot be told now, the next call does.
   */
  send(): Promise<void>;
}

const KEY = "reported";

/** The directory lists living agents, so their birth is no news to it. */
function listed(status: AgentStatus): AgentStatus {
  return status === "creating" ? "live" : status;
}

/** Watches over the status of the one agent that `store` has. */
export function statusReport(
  store: DurableObjectStore,
  kv: ObjectContext["storage"]["kv"],
  directory: Directory,
): StatusReport {
  // An object that ended may not have told everything.
  let news = true;

  const tell = async (): Promise<void> => {
    const removed = kv.get("removed") as { id: string; name: string } | undefined;
    if (removed !== undefined) {
      await directory.remove(removed);
      kv.delete("removed");
      kv.delete(KEY);
    }
    const [agent] = (await store.list({ limit: 1 })).items;
    const status = agent && listed(agent.status);
    if (agent === undefined || status === undefined || status === (kv.get(KEY) ?? "live")) return;
    await directory.setStatus(agent, status);
    kv.put(KEY, status);
  };

  return {
    store: {
      ...store,
      async setStatus(id, status) {
        news = true;
        return store.setStatus(id, status);
      },
      async commit(claim, changes) {
        if (changes.status !== undefined) news = true;
        return store.commit(claim, changes);
      },
      async remove(id) {
        const agent = await store.get(id);
        if (agent === undefined) return;
        news = true;
        kv.put("removed", { id, name: agent.name });
        await store.remove(id);
      },
    },
    async send() {
      if (!news) return;
      news = false;
      try {
        await tell();
      } catch (error) {
        if (error instanceof OpenAgentsError && error.code === "NOT_FOUND") return;
        news = true;
        console.error("Cannot tell the directory how an agent is:", error);
      }
    },
  };
}
