import { checkLabels, lineageOf } from "../../core/agent.ts";
import type { AgentRecord } from "../../core/agent.ts";
import { nameTaken } from "../../core/births.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import type { Account, ListQuery, Page, Signer, Store } from "../../core/ports/index.ts";
import type { NewAgent } from "../../core/runtime.ts";
import { objectStore } from "../../stores/durable-object.ts";
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
  /** What is being done about each name, one after the other. */
  readonly #turns = new Map<string, Promise<void>>();
  #store: Store | undefined;

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
      create: (input: CreateCall) => this.#alone(input.name, () => this.#create(input)),
      clone: (input: CreateCall) => this.#alone(input.name, () => this.#clone(input)),
      take: (agent: TakeCall) => this.#alone(agent.name, () => this.#take(agent)),
      hold: (agent: HoldCall) => this.#alone(agent.name, () => this.#hold(agent)),
      complete: ({ name }: { name: string }) => this.#alone(name, () => this.#isThere(name)),
      allot: ({ name, shard }: AllotCall) => this.#alone(name, () => this.#allot(name, shard)),
      bear: ({ child, shard }: BearCall) => this.#alone(child.name, () => this.#bear(child, shard)),
      release: (agent: Named) => this.#alone(agent.name, () => this.#release(agent)),
      reserve: async ({ above }: { above: number }) => this.#open().reserve(above),
      get: async ({ name }: { name: string }) => this.#get(name),
      list: async (query: ListQuery): Promise<Page<AgentRecord>> => this.#open().list(query),
      setStatus: (told: TellCall) => this.#alone(told.name, () => this.#tell(told)),
      remove: async (agent: Named) => {
        const known = await this.#named(agent);
        if (known !== undefined) await this.#open().remove(known.id);
        this.#letGo(agent);
      },
    });
    return response ?? new Response(null, { status: 404 });
  }

  /** Does something about a name once all that was begun about it before is done. */
  async #alone<T>(name: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(name) ?? Promise.resolve()).then(work);
    const over = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#turns.set(name, over);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(name) === over) this.#turns.delete(name);
    }
  }

  /**
   * Makes an agent: its name is taken first, then its object is told. When the second step failed,
   * the name points at an object that knows of nothing, and whoever comes upon that completes it.
   */
  async #create(call: CreateCall): Promise<AgentRecord> {
    const { name, type } = call;
    this.#checkType(type);
    const imported = await this.#import(call);
    const made = await this.#complete(name);
    const store = this.#open();
    const known = await store.get(name);
    if (known !== undefined) {
      const other = imported !== undefined && imported.id !== known.id;
      if (!made || known.type !== type || other) throw taken(name);
      return known;
    }
    this.#checkFree(name);
    const record = await this.#newRecord(call, imported);
    // Listed as living from the start: an agent that fails at its birth says so itself.
    await store.create({ ...record, status: "live" });
    if (await this.#admit(record)) return { ...record, status: "creating" };
    await store.remove(record.id);
    throw new OpenAgentsError("EXISTS", `Cannot create "${name}": an agent has its key`);
  }

  /** A key for an agent that another one makes, while its name is free. */
  async #allot(name: string, shard: Shard): Promise<Account> {
    await this.#complete(name);
    if ((await this.#get(name)) !== undefined) throw nameTaken(name);
    this.#check(shard);
    return this.#derive(shard);
  }

  /** Makes an agent with the key that it was given before. Done again it is nothing. @throws EXISTS */
  async #bear(child: Omit<AgentRecord, "status">, shard: Shard): Promise<void> {
    const { id, name } = child;
    await this.#complete(name);
    const store = this.#open();
    const holder = await store.get(name);
    if (holder !== undefined && holder.id !== id) throw taken(name);
    this.#checkFree(name, id);
    this.#check(shard);
    if (holder === undefined) {
      // Under another name it is here only as what is left of a birth that came to nothing.
      await store.remove(id);
      await store.create({ ...child, status: "live" });
    }
    await this.#admit(child);
  }

  /** Sets a name and an account aside for an agent that is to come out of a bundle. */
  async #clone({ name, type, createdAt, shard }: CreateCall): Promise<AgentRecord> {
    this.#checkType(type);
    await this.#complete(name);
    const store = this.#open();
    if ((await store.get(name)) !== undefined) throw taken(name);
    this.#checkFree(name);
    const record = await this.#newRecord({ name, type, createdAt, shard });
    await store.create({ ...record, status: "arriving" });
    return { ...record, status: "arriving" };
  }

  /** Sets a name aside for an agent that comes from elsewhere. */
  async #take({ shard, ...agent }: TakeCall): Promise<void> {
    const { id, publicKey, name, type, account, createdAt, labels = [] } = agent;
    const lineage = lineageOf(agent);
    await this.#complete(name);
    const store = this.#open();
    const holder = await store.get(name);
    if (holder?.id === id) return;
    if (holder !== undefined) throw taken(name);
    this.#checkFree(name, id);
    this.#check(shard);
    // Under another name it is here only as what is left of an arrival that came to nothing.
    await store.remove(id);
    const entry = { id, publicKey, name, type, labels, account, createdAt };
    await store.create({ ...entry, ...lineage, status: "arriving" });
    this.#letGo(agent);
  }

  /**
   * Sets a name aside for an agent that has another one. It keeps the entry that it has, until its
   * object says that it has this name.
   */
  async #hold({ id, name, shard }: HoldCall): Promise<void> {
    await this.#complete(name);
    const holder = await this.#open().get(name);
    if (holder !== undefined && holder.id !== id) throw taken(name);
    this.#checkFree(name, id);
    this.#check(shard);
    this.#context.storage.kv.put(HELD + name, id);
  }

  /** Whoever has a name, or is to have it. */
  async #get(name: string): Promise<Pick<AgentRecord, "id"> | undefined> {
    const known = await this.#open().get(name);
    if (known !== undefined) return known;
    const id = this.#heldBy(name);
    return id === undefined ? undefined : { id };
  }

  /** What an agent's object says of it. @throws NOT_FOUND when it has no entry here */
  async #tell({ id, name, labels, status }: TellCall): Promise<void> {
    const store = this.#open();
    await store.update(id, { name, labels });
    this.#letGo({ id, name });
    await store.setStatus(id, status);
  }

  /** For whom a name is set aside that it does not have yet. */
  #heldBy(name: string): string | undefined {
    return this.#context.storage.kv.get(HELD + name) as string | undefined;
  }

  /** A name is not set aside for this agent any more. */
  #letGo({ id, name }: Named): void {
    if (this.#heldBy(name) === id) this.#context.storage.kv.delete(HELD + name);
  }

  /** @throws EXISTS when the name is set aside for another agent */
  #checkFree(name: string, id?: string): void {
    const held = this.#heldBy(name);
    if (held !== undefined && held !== id) throw taken(name);
  }

  /** Gives up what was set aside for an agent that did not come. */
  async #release(agent: Named): Promise<void> {
    const { id, name } = agent;
    const has = this.#heldBy(name) === id || (await this.#named(agent)) !== undefined;
    if (has) await this.#complete(name);
  }

  /**
   * Looks whether the agent that has a name is there. A birth of which its object was not told is
   * completed: true. The name of an arrival that came to nothing, and of one that was erased, is free.
   */
  async #complete(name: string): Promise<boolean> {
    const store = this.#open();
    const held = this.#heldBy(name);
    if (held !== undefined) {
      const { name: own, taking } = await this.#presence(held);
      if (own !== name && taking !== name) this.#letGo({ id: held, name });
    }
    const known = await store.get(name);
    if (known === undefined) return false;
    const there = await this.#presence(known.id);
    if (there.name === name || there.taking === name) return false;
    if (there.empty && known.status === "live") return this.#admit(known);
    await store.remove(known.id);
    return false;
  }

  /** Who an agent's object says is there. */
  #presence(id: string): Promise<Presence> {
    return call<Presence>(this.#env.AGENTS, id, { method: "presence", input: null });
  }

  /** True when there is a living agent of this name, whose object knows of it by now. */
  async #isThere(name: string): Promise<boolean> {
    if (await this.#complete(name)) return true;
    return (await this.#open().get(name))?.status === "live";
  }

  /** The entry of an agent under this name. */
  async #named({ id, name }: Named): Promise<AgentRecord | undefined> {
    const known = await this.#open().get(id);
    return known?.name === name ? known : undefined;
  }

  async #newRecord(call: CreateCall, imported?: Key): Promise<Omit<AgentRecord, "status">> {
    const { name, type, createdAt, shard } = call;
    const labels = checkLabels(call.labels ?? []);
    this.#check(shard);
    return { ...(imported ?? (await this.#derive(shard))), name, type, labels, createdAt };
  }

  #checkType(type: string): void {
    if (this.#types.has(type)) return;
    throw new OpenAgentsError("INVALID", `There is no agent type "${type}"`);
  }

  /** The key that an agent is to bring along, when it is to. */
  async #import({
    key: text,
    password,
  }: Pick<CreateCall, "key" | "password">): Promise<Key | undefined> {
    if (text === undefined) {
      if (password === undefined) return undefined;
      throw new OpenAgentsError("INVALID", "Cannot create agent: a password is given, and no key");
    }
    const { npub: id, publicKey, key } = await this.#signer.importKey(text, password);
    return { id, publicKey, account: null, key };
  }

  /** The key of an account that no agent had. */
  async #derive(shard: Shard): Promise<Account> {
    const store = this.#open();
    const account = (await store.reserve()) * shard.of + shard.index;
    const { npub: id, publicKey } = await this.#signer.identity(account);
    return { id, publicKey, account };
  }

  /** Tells an agent's object that it is this agent; false when it knew. */
  #admit(record: Omit<AgentRecord, "status">): Promise<boolean> {
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

  #open(): Store {
    return (this.#store ??= objectStore(this.#context.storage));
  }
}

/** An agent's entry in the directory. */
export type Entry = Pick<
  AgentRecord,
  "id" | "publicKey" | "name" | "type" | "account" | "createdAt"
> &
  Partial<Pick<AgentRecord, "labels" | "parent" | "generation" | "budget">>;

/** An agent by its id and its name. */
export type Named = Pick<AgentRecord, "id" | "name">;

/** What the directory has of an agent that can change. */
export type Told = Pick<AgentRecord, "id" | "name" | "labels">;

export type TellCall = Pick<AgentRecord, "id" | "name" | "labels" | "status">;

export interface HoldCall extends Named {
  readonly shard: Shard;
}

/** Before the name: for whom it is set aside. */
const HELD = "held:";

/** What an agent's object says of who is there. */
export interface Presence {
  readonly name?: string | undefined;
  /** The name that it is to have, while that is set aside for it. */
  readonly taking?: string | undefined;
  /** Nobody ever was, or whoever was is erased and the directory knows of it. */
  readonly empty?: boolean | undefined;
}

export interface TakeCall extends Entry {
  readonly shard: Shard;
}

export interface AllotCall {
  readonly name: string;
  readonly shard: Shard;
}

export interface BearCall {
  readonly child: Omit<AgentRecord, "status">;
  readonly shard: Shard;
}

/** What an agent's entry says of its key. */
type Key = Pick<AgentRecord, "id" | "publicKey" | "account" | "key">;

export interface CreateCall extends NewAgent {
  readonly createdAt: number;
  readonly shard: Shard;
}

function taken(name: string): OpenAgentsError {
  return new OpenAgentsError("EXISTS", `Cannot name an agent "${name}": the name is taken`);
}
