import type { AgentRecord } from "../../core/agent.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import type { Nursery } from "../../core/ports/index.ts";
import type { Directory } from "./directory.ts";
import type { ObjectNamespace } from "./platform.ts";
import { call } from "./wire.ts";

/** Makes the children of an agent in objects of their own, by the directory. */
export function objectNursery({
  agents,
  directory,
}: {
  readonly agents: ObjectNamespace;
  readonly directory: Pick<Directory, "allot" | "bear">;
}): Nursery {
  return {
    reserve: (name) => directory.allot(name),
    async bear(child, names) {
      // Under whichever name: one that is there was made before, and may be called otherwise by now.
      const there = await call<AgentRecord | null>(agents, child.id, {
        method: "record",
        input: null,
      });
      if (there !== null) return there;
      for (const name of names) {
        try {
          await directory.bear({ ...child, name });
          return { name, status: "creating" };
        } catch (error) {
          if (!(error instanceof OpenAgentsError) || error.code !== "EXISTS") throw error;
        }
      }
      return undefined;
    },
  };
}
