import type { AgentRecord } from "./agent.ts";
import { infoOf } from "./agent-info.ts";
import { Canceller } from "./canceller.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { Entries } from "./entries.ts";
import { OpenAgentsError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type {
  AgentUpdate,
  Cancelled,
  CancelOptions,
  Operations,
  UpdateOptions,
} from "./operations.ts";
import type { AgentInfo } from "./runtime.ts";
import type { Ticked } from "./tick.ts";

/** `Operations` over a kernel. */
export class Operators implements Operations {
  readonly #kernel: Kernel;
  readonly #lifecycle: Lifecycle;
  readonly #entries: Entries;
  readonly #canceller: Canceller;

  constructor(
    kernel: Kernel,
    parts: {
      readonly dispatcher: Dispatcher;
      readonly lifecycle: Lifecycle;
      /** Is told of what is put on a record outside of any tick. */
      readonly ticked: (ticked: Ticked) => void;
    },
  ) {
    const { dispatcher, lifecycle, ticked } = parts;
    this.#kernel = kernel;
    this.#lifecycle = lifecycle;
    this.#entries = new Entries(kernel, dispatcher);
    this.#canceller = new Canceller(kernel, dispatcher, ticked);
  }

  async update(ref: string, change: AgentUpdate, options: UpdateOptions = {}): Promise<AgentInfo> {
    const { id } = await this.#find(ref);
    return this.#info(await this.#entries.update(id, change, options));
  }

  async pause(ref: string): Promise<AgentInfo> {
    return this.#info(await this.#lifecycle.pause(await this.#find(ref)));
  }

  async resume(ref: string): Promise<AgentInfo> {
    return this.#info(await this.#lifecycle.resume(await this.#find(ref)));
  }

  async cancel(ref: string, options: CancelOptions = {}): Promise<Cancelled> {
    return this.#canceller.cancel(await this.#find(ref), options);
  }

  async #find(ref: string): Promise<AgentRecord> {
    const record = await this.#kernel.store.get(ref);
    if (record === undefined) throw new OpenAgentsError("NOT_FOUND", `There is no agent "${ref}"`);
    return record;
  }

  #info(record: AgentRecord): AgentInfo {
    return infoOf(record, this.#kernel.cache.has(record.id));
  }
}
