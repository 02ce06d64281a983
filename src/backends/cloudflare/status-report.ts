import type { AgentRecord, AgentStatus } from "../../core/agent.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import type { Registry } from "../../core/ports/index.ts";
import type { DurableObjectStore } from "../../stores/durable-object.ts";
import type { Entry, Named, Presence } from "./directory-object.ts";
import type { ObjectContext } from "./platform.ts";
import type { ProblemLog } from "./problem-log.ts";

/** A store that notes when its agent's status changes, and tells the directory. */
export interface StatusReport {
  readonly store: DurableObjectStore;
  /**
   * Tells the directory what changed since it was last told; to be called before a request is
   * answered, and when the object comes to rest. When it cannot be told now, the next call does, or the
   * object's alarm.
   */
  send(): Promise<void>;
  /** Who is here: whoever was only being made when the object ended never was. */
  presence(): Promise<Presence>;
  /** Renames the agent. Where that does not come to its end, the directory gives up the one name or the other. */
  readonly registry: Registry;
}

/** When the directory is told again that could not be told, ms: at first, and at most. */
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 60_000;
/** Who is told: the directory, and whoever else has to know. Each call may come twice. */
export interface Listeners {
  /** @throws NOT_FOUND when the agent is not known */
  setStatus(agent: AgentRecord, status: AgentStatus): Promise<void>;
  /** @throws EXISTS */
  take(agent: Entry): Promise<void>;
  /** Sets a second name aside for an agent that is there. @throws EXISTS */
  hold(agent: Named): Promise<void>;
  /** Gives up a name of the agent, unless that is what it is called. */
  release(agent: Named): Promise<void>;
  remove(agent: Named): Promise<void>;
}

/** What the directory was last told, when that was ever needed. */
const TOLD = "told";
/** There is something to tell. */
const NEWS = "news";
/** Who was here, when nobody is any more. */
const REMOVED = "removed";
/** Names that the directory may have for the agent beside the one it has. */
const NAMES = "names";

/** Watches over the status of the one agent that `store` has. */
export function statusReport(
  store: DurableObjectStore,
  kv: ObjectContext["storage"]["kv"],
  { directory, log }: { readonly directory: Listeners; readonly log: ProblemLog },
): StatusReport {
  // An object that ended may not have told everything.
  let news = kv.get(NEWS) === true;
  // The name that the agent is to have, while that is set aside.
  let taking: string | undefined;

  const changed = (): void => {
    news = true;
    kv.put(NEWS, true);
  };
  const names = (): readonly string[] => (kv.get(NAMES) as string[] | undefined) ?? [];
  /** Notes in the turn of the change, and so together with it, that it is to be told. */
  const note = (status: AgentStatus): void => {
    // The directory lists living agents, so their birth is no news to it.
    if (status === "live" && kv.get(TOLD) === undefined && kv.get(NEWS) !== true) return;
    changed();
  };
  /** Tells of the status; false when the directory does not know the agent. */
  const known = async (agent: AgentRecord): Promise<boolean> => {
    try {
      await directory.setStatus(agent, agent.status);
      return true;
    } catch (error) {
      if (codeOf(error) !== "NOT_FOUND") throw error;
      return false;
    }
  };
  const tell = async (): Promise<void> => {
    const removed = kv.get(REMOVED) as { id: string; name: string } | undefined;
    if (removed !== undefined) {
      await directory.remove(removed);
      for (const key of [REMOVED, TOLD]) kv.delete(key);
    }
    const [agent] = (await store.list({ limit: 1 })).items;
    if (removed !== undefined && agent === undefined) await giveUp(removed);
    if (agent === undefined) return;
    if (!(await known(agent))) {
      // Its name was given up, as that of an arrival that came to nothing; and then it came.
      await directory.take(agent);
      await known(agent);
    }
    kv.put(TOLD, agent.status);
    await giveUp(agent);
  };
  /** Has the directory give up the names that the agent does not have. */
  const giveUp = async ({ id, name: own }: Named): Promise<void> => {
    for (const name of names()) {
      // Until it is known which of them the agent is to have, both are its own.
      if (taking !== undefined) return changed();
      if (name !== own) await directory.release({ id, name });
      const left = names().filter((other) => other !== name);
      if (left.length > 0) kv.put(NAMES, left);
      else kv.delete(NAMES);
    }
  };

  const tellNews = async (): Promise<void> => {
    news = false;
    try {
      await tell();
      wait = FIRST_WAIT;
      if (news) return;
      kv.delete(NEWS);
      store.remind("directory", undefined);
    } catch (error) {
      log("Cannot tell the directory how an agent is", error);
      // One whose name is another's by now is found by its id alone.
      if (codeOf(error) === "EXISTS") {
        kv.delete(NEWS);
        return;
      }
      news = true;
      store.remind("directory", Date.now() + wait);
      wait = Math.min(wait * 2, LONGEST_WAIT);
    }
  };
  let telling: Promise<void> = Promise.resolve();
  let wait = FIRST_WAIT;

  return {
    store: {
      ...store,
      async create(agent, first) {
        if (agent.status === "arriving") note(agent.status);
        return store.create(agent, first);
      },
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
      async update(id, change) {
        changed();
        return store.update(id, change);
      },
    },
    registry: {
      async rename({ id, name: before }, name, apply) {
        // Noted first, so that an object that ends in the middle has the directory put right.
        kv.put(NAMES, [...new Set([...names(), before, name])]);
        changed();
        store.remind("directory", Date.now() + FIRST_WAIT);
        taking = name;
        try {
          await store.sync();
          await directory.hold({ id, name });
          await apply();
        } finally {
          taking = undefined;
          changed();
        }
      },
    },
    async send() {
      // One after the other, so that whoever has waited knows that all was told.
      const before = telling;
      telling = (async () => {
        await before;
        if (news) await tellNews();
      })();
      await telling;
    },
    async presence() {
      const [agent] = (await store.list({ limit: 1 })).items;
      if (agent !== undefined) return { name: agent.name, ...(taking !== undefined && { taking }) };
      return { empty: kv.get(REMOVED) === undefined };
    },
  };
}

function codeOf(error: unknown): string | undefined {
  return error instanceof OpenAgentsError ? error.code : undefined;
}
