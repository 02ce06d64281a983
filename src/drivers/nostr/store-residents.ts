import type { AgentRecord, AgentStatus } from "../../core/agent.ts";
import type { AgentDefinition } from "../../core/definition.ts";
import type { Directory, Signer } from "../../core/ports/index.ts";
import { residentOf } from "./residents.ts";
import type { Profile, Resident, Residents } from "./residents.ts";

/** Statuses of agents that take no mail here. */
const AWAY: ReadonlySet<AgentStatus> = new Set<AgentStatus>(["terminated", "moved", "arriving"]);

/** The agents in a directory, as a driver sees them. */
export interface StoreResidents extends Residents {
  /** Tells those who watch of an agent that is new here. */
  settled(agent: AgentRecord): void;
}

/** The residents of a home that has one directory. Nothing of them is kept in memory. */
export function storeResidents({
  directory,
  signer,
  agents,
}: {
  readonly directory: Pick<Directory, "get" | "list">;
  readonly signer: Signer;
  readonly agents: ReadonlyMap<string, Pick<AgentDefinition, "profile">>;
}): StoreResidents {
  const listeners = new Set<(resident: Resident) => void>();
  const resident = (record: AgentRecord): Resident =>
    residentOf(signer, record, profileOf(record, agents.get(record.type)));
  return {
    async find(publicKey) {
      const record = await directory.get(publicKey);
      // A name may look like a key to whoever made it elsewhere.
      return record?.publicKey === publicKey ? resident(record) : undefined;
    },
    async page({ cursor, limit }) {
      const { items, cursor: next } = await directory.list({ cursor, limit });
      return { items: items.filter(({ status }) => !AWAY.has(status)).map(resident), cursor: next };
    },
    watch(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    settled(agent) {
      const made = resident(agent);
      for (const listener of listeners) listener(made);
    },
  };
}

/** What an agent's kind 0 says (NIP-01, NIP-24). */
function profileOf(
  { name }: AgentRecord,
  definition: Pick<AgentDefinition, "profile"> | undefined,
): Profile | undefined {
  return definition?.profile && { name, bot: true, ...definition.profile };
}
