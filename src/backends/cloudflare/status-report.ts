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

/** What the directory was last told, when that was ever needed. */
const TOLD = "told";
/** There is something to tell. */
const NEWS = "news";
/** Who was here, when nobody is any more. */
const REMOVED = "removed";

/** Watches over the status of the one agent that `store` has. */
export function statusReport(
  store: DurableObjectStore,
  kv: ObjectContext["storage"]["kv"],
  directory: Directory,
): StatusReport {
  // An object that ended may not have told everything.
  let news = kv.get(NEWS) === true;

  /** Notes in the turn of the change, and so together with it, that it is to be told. */
  const note = (status: AgentStatus): void => {
    // The directory lists living agents, so their birth is no news to it.
    if (status === "live" && kv.get(TOLD) === undefined) return;
    news = true;
    kv.put(NEWS, true);
  };
  const tell = async (): Promise<void> => {
    const removed = kv.get(REMOVED) as { id: string; name: string } | undefined;
    if (removed !== undefined) {
      await directory.remove(removed);
      for (const key of [REMOVED, TOLD]) kv.delete(key);
    }
    const [agent] = (await store.list({ limit: 1 })).items;
    if (agent === undefined) return;
    await directory.setStatus(agent, agent.status);
    kv.put(TOLD, agent.status);
  };

  return {
    store: {
      ...store,
      async setStatus(id, status, move) {
        note(status);
        return store.setStatus(id, status, move);
      },
      async commit(claim, changes) {
        if (changes.status !== undefined) note(changes.status);
        return store.commit(claim, changes);
      },
      async remove(id) {
        const agent = await store.get(id);
        if (agent === undefined) return;
        note("terminated");
        kv.put(REMOVED, { id, name: agent.name });
        await store.remove(id);
      },
    },
    async send() {
      if (!news) return;
      news = false;
      try {
        await tell();
        if (!news) kv.delete(NEWS);
      } catch (error) {
        if (error instanceof OpenAgentsError && error.code === "NOT_FOUND") {
          kv.delete(NEWS);
          return;
        }
        news = true;
        console.error("Cannot tell the directory how an agent is:", error);
      }
    },
  };
}
