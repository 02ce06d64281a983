import type { AgentRecord } from "../../core/agent.ts";
import type { Envelope } from "../../core/envelope.ts";
import type { Factotum } from "../../core/factotum.ts";
import type { Receipt, Store } from "../../core/ports/index.ts";
import type { KeyUse } from "../../core/trajectory.ts";
import type { ObjectNamespace } from "./platform.ts";
import type { Listeners } from "./status-report.ts";
import { call } from "./wire.ts";

/** The name of the one object that holds the relays. */
const NAME = "relays";

/** What an agent's object has the relays take. */
export interface Posting {
  /** Whose mail it is. */
  readonly agent: AgentRecord;
  readonly mail: readonly Envelope[];
}

/** What became of it, and what the agent's key was used for meanwhile. */
export interface Posted {
  readonly receipts: readonly Receipt[];
  readonly uses: readonly KeyUse[];
}

/** What comes of relays for one agent, and what its key was used for to read it. */
export interface Arrival {
  readonly mail: readonly Envelope[];
  readonly uses: readonly KeyUse[];
  /** A call failed before: it may be this mail's doing. */
  readonly again: boolean;
}

/** The object of the relays, as other objects and the Worker see it. */
export interface Relays {
  /** Takes mail to those who are not here, and what is for everybody. */
  post(posting: Posting): Promise<Posted>;
  /** Says how an agent is: it is new here, or comes or goes. */
  settle(agent: AgentRecord): Promise<void>;
  /** Says that an agent is erased. */
  drop(id: string): Promise<void>;
  /** Sees to it that the object wakes by itself. */
  wake(): Promise<void>;
}

export function relaysOf(namespace: ObjectNamespace): Relays {
  return {
    post: (input) => call<Posted>(namespace, NAME, { method: "post", input }),
    settle: (input) => call(namespace, NAME, { method: "settle", input }),
    drop: (id) => call(namespace, NAME, { method: "drop", input: { id } }),
    wake: () => call(namespace, NAME, { method: "wake", input: null }),
  };
}

/** Has the relays take mail of the agent whose store this is. Rejects when their object is not there. */
export function posting(
  relays: Relays,
  { store, signer }: { readonly store: Pick<Store, "list">; readonly signer: Factotum },
): (mail: readonly Envelope[]) => Promise<readonly Receipt[]> {
  return async (mail) => {
    const [agent] = (await store.list({ limit: 1 })).items;
    if (agent === undefined) return mail.map((): Receipt => "busy");
    const { receipts, uses } = await relays.post({ agent, mail });
    signer.keepUses(agent, uses);
    return receipts;
  };
}

/** Tells the relays, beside the directory, when an agent comes or goes. */
export function tellingRelays(directory: Listeners, relays: Relays): Listeners {
  return {
    async setStatus(agent, status) {
      await directory.setStatus(agent, status);
      await relays.settle({ ...agent, status });
    },
    take: (agent) => directory.take(agent),
    hold: (agent) => directory.hold(agent),
    release: (agent) => directory.release(agent),
    async remove(named) {
      await directory.remove(named);
      await relays.drop(named.id);
    },
  };
}
