import type { AgentRecord } from "../../core/agent.ts";
import type { Directory } from "./directory.ts";
import type { ObjectNamespace } from "./platform.ts";
import type { Roster } from "./relay-notes.ts";
import { call } from "./wire.ts";

/** How many entries of a shard are read together. */
const PAGE = 100;

/**
 * Notes the agents that are new in the directory since it was last read: of each shard only its last
 * page is read again. @throws STORE when a shard does not answer; the others are read
 */
export async function readDirectory(from: {
  readonly directory: Directory;
  readonly roster: Roster;
  readonly agents: ObjectNamespace;
}): Promise<void> {
  const { directory, roster, agents } = from;
  const readShard = async (shard: number): Promise<void> => {
    for (;;) {
      const cursor = roster.position(shard);
      const page = await directory.entries(shard, { limit: PAGE, ...(cursor && { cursor }) });
      for (const entry of page.items) {
        // Of one that comes from elsewhere its own object tells when it is there.
        if (entry.status === "arriving" || (await roster.get(entry.publicKey)) !== undefined)
          continue;
        const record = await whole(agents, entry);
        if (record !== undefined) roster.settle(record);
      }
      if (page.cursor === undefined) return;
      roster.reach(shard, page.cursor);
    }
  };
  await directory.makeEnsured();
  const shards = Array.from({ length: directory.shards }, (_, shard) => readShard(shard));
  const results = await Promise.allSettled(shards);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

/** An entry with its key: that of one that brought its own is known to its object alone. */
async function whole(
  agents: ObjectNamespace,
  entry: AgentRecord,
): Promise<AgentRecord | undefined> {
  if (entry.account !== null || entry.key !== undefined) return entry;
  const found = await call<AgentRecord | null>(agents, entry.id, { method: "record", input: null });
  return found ?? undefined;
}
