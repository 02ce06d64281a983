import type { AgentRecord, AgentStatus } from "../../core/agent.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import type { ListQuery, Page, Signer } from "../../core/ports/index.ts";
import { durableObjectStore } from "../../stores/durable-object.ts";
import type { DurableObjectStore } from "../../stores/durable-object.ts";
import type { Env, ObjectContext } from "./platform.ts";
import { answer, call } from "./wire.ts";

/** Which shard this is, told with each call, as an object does not know its own name. */
export interface Shard {
  readonly index: number;
  readonly of: number;
}

/**
 * One shard of the directory: the agents whose names fall to it. It gives each its name, its account
 * and so its key; all else about an agent is known to the agent's own object. Accounts of shard `i`
 * of `n` are `i`, `i + n`, `i + 2n` …, so that shards need not agree on anything.
 */
export class DirectoryShard {
  readonly #context: ObjectContext;
  readonly #env: Env;
  readonly #signer: Signer;
  readonly #types: ReadonlySet<string>;
  readonly #creating = new Set<string>();
  #store: Promise<DurableObjectStore> | undefined;

  constructor(
    context: ObjectContext,
    env: Env,
    { signer, types }: { readonly signer: Signer; readonly types: ReadonlySet<string> },
  ) {
    this.#context = context;
    this.#env = env;
    this.#signer = signer;
    this.#types = types;
  }

  async fetch(request: Request): Promise<Response> {
    const response = await answer(request, {
      create: (input: CreateCall) => this.#create(input),
      get: async ({ name }: { name: string }) => (await this.#open()).get(name),
      complete: async ({ name }: { name: string }) => {
        const known = await (await this.#open()).get(name);
        if (known?.status !== "live") return false;
        await this.#admit(known);
        return true;
      },
      list: async (query: ListQuery): Promise<Page<AgentRecord>> =>
        (await this.#open()).list(query),
      setStatus: async ({ id, status }: { id: string; status: AgentStatus }) =>
        (await this.#open()).setStatus(id, status),
      remove: async ({ id }: { id: string }) => (await this.#open()).remove(id),
    });
    return response ?? new Response(null, { status: 404 });
  }

  /**
   * Makes an agent: its name is taken first, then its object is told. When the second step failed,
   * the name points at an object that knows of nothing; `complete`, or the next `create` of the name,
   * ends it.
   */
  async #create({ name, type, createdAt, shard }: CreateCall): Promise<AgentRecord> {
    if (!this.#types.has(type)) {
      throw new OpenAgentsError("INVALID", `There is no agent type "${type}"`);
    }
    if (this.#creating.has(name)) throw taken(name);
    this.#creating.add(name);
    try {
      const store = await this.#open();
      const known = await store.get(name);
      if (known !== undefined) {
        const made = await this.#admit(known);
        if (!made || known.type !== type) throw taken(name);
        return known;
      }
      this.#check(shard);
      const account = (await store.reserve()) * shard.of + shard.index;
      const { npub: id, publicKey } = await this.#signer.identity(account);
      const record = { id, publicKey, name, type, account, createdAt };
      // Listed as living from the start: an agent that fails at its birth says so itself.
      await store.create({ ...record, status: "live" });
      await this.#admit({ ...record, status: "creating" });
      return { ...record, status: "creating" };
    } finally {
      this.#creating.delete(name);
    }
  }

  /** Tells an agent's object that it is this agent; false when it knew. */
  #admit(record: AgentRecord): Promise<boolean> {
    const input = { ...record, status: "creating" };
    return call<boolean>(this.#env.AGENTS, record.id, { method: "admit", input });
  }

  /** @throws CONFIG when the number of shards is not the one that the names were spread over */
  #check({ of }: Shard): void {
    const { kv } = this.#context.storage;
    const before = kv.get("shards") as number | undefined;
    if (before === of) return;
    if (before !== undefined) {
      throw new OpenAgentsError(
        "CONFIG",
        `Cannot use ${of} directory shards: names are spread over ${before}, set "shards" back to that`,
      );
    }
    kv.put("shards", of);
  }

  #open(): Promise<DurableObjectStore> {
    return (this.#store ??= durableObjectStore(this.#context.storage));
  }
}

export interface CreateCall {
  readonly name: string;
  readonly type: string;
  readonly createdAt: number;
  readonly shard: Shard;
}

function taken(name: string): OpenAgentsError {
  return new OpenAgentsError("EXISTS", `Cannot name an agent "${name}": the name is taken`);
}
