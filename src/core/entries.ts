import { checkLabels, checkName } from "./agent.ts";
import type { AgentRecord } from "./agent.ts";
import { revisionOf } from "./agent-info.ts";
import { checkHere } from "./between-homes.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { OpenAgentsError } from "./errors.ts";
import { checkRevision } from "./if-match.ts";
import type { Kernel } from "./kernel.ts";
import { Serial } from "./kernel.ts";
import type { AgentUpdate, UpdateOptions } from "./runtime.ts";

/** Changes what the directory has of agents. */
export class Entries {
  readonly #kernel: Kernel;
  readonly #dispatcher: Dispatcher;
  /** So that nothing comes between the look at a revision and the change. */
  readonly #turns = new Serial();

  constructor(kernel: Kernel, dispatcher: Dispatcher) {
    this.#kernel = kernel;
    this.#dispatcher = dispatcher;
  }

  /** As `Runtime.update`; the entry as it is then. */
  update(id: string, change: AgentUpdate, options: UpdateOptions): Promise<AgentRecord> {
    return this.#turns.run(() => this.#update(id, change, options));
  }

  async #update(
    id: string,
    { name, labels: wanted }: AgentUpdate,
    { ifMatch }: UpdateOptions,
  ): Promise<AgentRecord> {
    if (name !== undefined) checkName(name);
    const labels = wanted === undefined ? undefined : checkLabels(wanted);
    const { store, registry } = this.#kernel;
    const record = await store.get(id);
    if (record === undefined) {
      throw new OpenAgentsError("NOT_FOUND", `There is no agent "${id}" any more`);
    }
    checkRevision(`"${record.name}"`, revisionOf(record), ifMatch);
    checkHere(record);
    const renamed = name !== undefined && name !== record.name;
    if (renamed && record.status === "terminated") {
      throw new OpenAgentsError("TERMINATED", `Cannot rename "${record.name}": it is terminated`);
    }
    if (!renamed && (labels ?? record.labels).join(" ") === record.labels.join(" ")) return record;
    const changes = { ...(renamed && { name }), ...(labels !== undefined && { labels }) };
    if (renamed && registry !== undefined) {
      await registry.rename(record, name, () => store.update(id, changes));
    } else {
      await store.update(id, changes);
    }
    const updated = { ...record, ...changes };
    this.#remember(updated);
    await store.sync();
    return updated;
  }

  /** What is in memory of the agent has the new entry, also what a tick is only loading now. */
  #remember({ id, name, labels }: AgentRecord): void {
    const { cache, store } = this.#kernel;
    const loaded = cache.peek(id);
    if (loaded !== undefined) loaded.record = { ...loaded.record, name, labels };
    this.#dispatcher
      .hold(id, async () => {
        const now = await store.get(id);
        const agent = cache.peek(id);
        if (now !== undefined && agent !== undefined) agent.record = now;
      })
      .catch(() => cache.delete(id));
  }
}
