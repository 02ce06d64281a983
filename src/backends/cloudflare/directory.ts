import type { RuntimeDefinition } from "../../core/runtime-definition.ts";
import { checkLabels, checkName, isKey, isNpub } from "../../core/agent.ts";
import { infoOf } from "../../core/agent-info.ts";
import type { AgentRecord, AgentStatus } from "../../core/agent.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import { sha256Hex } from "../../core/hash.ts";
import type { Account, ListQuery, Page } from "../../core/ports/index.ts";
import type { AgentInfo, ListAgents, NewAgent } from "../../core/runtime.ts";
import { encodeNpub } from "../../identity/nip19.ts";
import type {
  AllotCall,
  BearCall,
  CreateCall,
  Entry,
  Named,
  Shard,
  TellCall,
  Told,
} from "./directory-object.ts";
import type { ObjectNamespace } from "./platform.ts";
import { call } from "./wire.ts";

/** How many names a Worker remembers the ids of. */
const KEPT = 10_000;
/** How long mail goes to whoever had a name, ms: an agent that is called otherwise now takes it in. */
const RECENT = 30_000;

/** The directory of all agents, as it is seen by the Worker and by agents' objects: all its shards. */
export class Directory {
  readonly #namespace: ObjectNamespace;
  readonly #shards: number;
  /** Agents that are made when they are first asked for. */
  readonly #ensure: RuntimeDefinition["ensure"];
  #ensured = false;
  readonly #startedAt = Date.now();
  /** Ids by name. That a name went to another agent is found out by the object that had it. */
  readonly #ids = new Map<string, { readonly id: string; readonly at: number }>();
  /** How often an id was forgotten: what was asked for before that is not remembered. */
  #forgotten = 0;
  /** Agents that are being made because somebody asked for them. */
  readonly #making = new Map<string, Promise<AgentInfo>>();

  constructor(
    namespace: ObjectNamespace,
    options: { readonly shards: number; readonly ensure: RuntimeDefinition["ensure"] },
  ) {
    this.#namespace = namespace;
    this.#shards = options.shards;
    this.#ensure = options.ensure;
  }

  async create(agent: NewAgent): Promise<AgentInfo> {
    const { name } = agent;
    checkName(name);
    checkLabels(agent.labels ?? []);
    return info(await this.#make("create", agent));
  }

  /** Sets a name and an account aside for a clone; its record. @throws EXISTS */
  async clone(agent: { readonly name: string; readonly type: string }): Promise<AgentRecord> {
    checkName(agent.name);
    return this.#make("clone", agent);
  }

  /** Sets a name aside for an agent that comes from elsewhere. @throws EXISTS */
  async take(agent: Entry): Promise<void> {
    checkName(agent.name);
    const shard = this.#shardOf(agent.name);
    await this.#call(shard.index, "take", { ...agent, shard });
  }

  /** Sets a second name aside for an agent that is to have it. @throws EXISTS */
  async hold({ id, name }: Named): Promise<void> {
    const shard = this.#shardOf(name);
    await this.#call(shard.index, "hold", { id, name, shard });
  }

  /** A key for an agent that another one makes. @throws EXISTS when an agent has the name */
  allot(name: string): Promise<Account> {
    const shard = this.#shardOf(name);
    return this.#call(shard.index, "allot", { name, shard } satisfies AllotCall);
  }

  /** Makes an agent with that key. Done again it is nothing. @throws EXISTS when another agent has its name */
  async bear(child: Omit<AgentRecord, "status">): Promise<void> {
    const shard = this.#shardOf(child.name);
    await this.#call(shard.index, "bear", { child, shard } satisfies BearCall);
  }

  /** Makes sure that the object of the living agent of this name knows of it; false when there is none. */
  complete(name: string): Promise<boolean> {
    return this.#call(this.#indexOf(name), "complete", { name });
  }

  /** Gives up what was set aside, unless the agent's object knows of it. */
  async release({ id, name }: Named): Promise<void> {
    this.forget(name);
    await this.#call(this.#indexOf(name), "release", { id, name });
  }

  /** Has an account given to no new agent: one that came from elsewhere has it. */
  async reserve(account: number): Promise<void> {
    const above = Math.floor(account / this.#shards);
    await this.#call(account % this.#shards, "reserve", { above });
  }

  /** Shard by shard, and in each in order of creation. */
  async list(query: ListAgents = {}): Promise<Page<AgentInfo>> {
    const limit = Math.min(Math.max(query.limit ?? 100, 1), 1000);
    let [index, after] = positionOf(query.cursor, this.#shards);
    const items: AgentInfo[] = [];
    await this.makeEnsured();
    const parent = query.parent && (await this.#npubOf(query.parent));
    // A name of nobody is that of nobody's parent.
    if (query.parent !== undefined && parent === undefined) return { items: [] };
    while (index < this.#shards && items.length < limit) {
      const { status, type, label } = query;
      const input = { status, type, label, parent, limit: limit - items.length, cursor: after };
      const page = await this.#call<Page<AgentRecord>>(index, "list", input);
      items.push(...page.items.map(info));
      after = page.cursor;
      if (after === undefined) index += 1;
    }
    if (index >= this.#shards) return { items };
    return { items, cursor: after === undefined ? `${index}` : `${index}:${after}` };
  }

  /** The npub that is meant, whether or not there is such an agent; undefined for a name of nobody. */
  async #npubOf(ref: string): Promise<string | undefined> {
    if (isNpub(ref)) return ref;
    if (isKey(ref)) return encodeNpub(ref.toLowerCase());
    return this.idOf(ref).catch((error: unknown) => {
      if (error instanceof OpenAgentsError && error.code === "NOT_FOUND") return undefined;
      throw error;
    });
  }

  /** Over how many shards the names are spread. */
  get shards(): number {
    return this.#shards;
  }

  /** The entries of one shard, whatever their status, in order of creation. */
  entries(index: number, query: ListQuery): Promise<Page<AgentRecord>> {
    return this.#call<Page<AgentRecord>>(index, "list", query);
  }

  /** Makes the agents that are to be there. */
  async makeEnsured(): Promise<void> {
    if (!this.#ensured) await Promise.all(this.#ensure.map(({ name }) => this.idOf(name)));
    this.#ensured = true;
  }

  metrics(): { readonly startedAt: number; readonly locked: false } {
    return { startedAt: this.#startedAt, locked: false };
  }

  /** The id of the agent with this name, which may be out of date when it is remembered. @throws NOT_FOUND */
  async idOf(name: string): Promise<string> {
    const known = this.#ids.get(name);
    if (known !== undefined) return known.id;
    const forgotten = this.#forgotten;
    const record =
      (await this.#call<Pick<Named, "id"> | null>(this.#indexOf(name), "get", { name })) ??
      (await this.#wanted(name));
    if (record === undefined) throw new OpenAgentsError("NOT_FOUND", `There is no agent "${name}"`);
    if (forgotten !== this.#forgotten) return record.id;
    if (this.#ids.size >= KEPT) this.#ids.delete(this.#ids.keys().next().value!);
    this.#ids.set(name, { id: record.id, at: Date.now() });
    return record.id;
  }

  /** Makes the agent of this name when it is one that is to be there. */
  async #wanted(name: string): Promise<AgentInfo | undefined> {
    const wanted = this.#ensure.find((agent) => agent.name === name);
    if (wanted === undefined) return undefined;
    const making =
      this.#making.get(name) ?? this.create(wanted).finally(() => this.#making.delete(name));
    this.#making.set(name, making);
    return making;
  }

  /** The same, for whom nobody tells that it is out of date. @throws NOT_FOUND */
  recentIdOf(name: string): Promise<string> {
    const at = this.#ids.get(name)?.at;
    if (at !== undefined && at + RECENT < Date.now()) this.forget(name);
    return this.idOf(name);
  }

  /** True when the id of this name is remembered. */
  remembers(name: string): boolean {
    return this.#ids.has(name);
  }

  /** Has the next look at this name ask its shard. */
  forget(name: string): void {
    this.#forgotten += 1;
    this.#ids.delete(name);
  }

  /** Says how an agent is, and what it is called, for lists. */
  async setStatus({ id, name, labels }: Told, status: AgentStatus): Promise<void> {
    const input: TellCall = { id, name, labels, status };
    await this.#call(this.#indexOf(name), "setStatus", input);
  }

  async remove({ id, name }: Named): Promise<void> {
    await this.#call(this.#indexOf(name), "remove", { id, name });
  }

  #make(method: "create" | "clone", agent: NewAgent): Promise<AgentRecord> {
    const shard = this.#shardOf(agent.name);
    const input: CreateCall = { ...agent, createdAt: Date.now(), shard };
    return this.#call<AgentRecord>(shard.index, method, input);
  }

  async #call<T>(index: Shard["index"], method: string, input: unknown): Promise<T> {
    try {
      return await call<T>(this.#namespace, `shard-${index}`, { method, input });
    } catch (error) {
      if (!(error instanceof OpenAgentsError) || error.code !== "UNREACHABLE") throw error;
      throw new OpenAgentsError(
        "STORE",
        `Cannot ask the directory: its shard ${index} does not answer, try again (${error.message})`,
        { cause: error },
      );
    }
  }

  #shardOf(name: string): Shard {
    return { index: this.#indexOf(name), of: this.#shards };
  }

  #indexOf(name: string): number {
    return Number.parseInt(sha256Hex(name).slice(0, 8), 16) % this.#shards;
  }
}

/** @throws INVALID for a cursor that no page gave */
function positionOf(cursor: string | undefined, shards: number): [number, string | undefined] {
  if (cursor === undefined) return [0, undefined];
  const match = /^(\d{1,4})(?::(\d{1,16}))?$/.exec(cursor);
  if (match === null || Number(match[1]) >= shards) {
    throw new OpenAgentsError("INVALID", `Cannot list agents: bad cursor "${cursor}"`);
  }
  return [Number(match[1]), match[2]];
}

/** A living agent is shown as dormant: only its own object knows when it is in memory. */
function info(record: AgentRecord): AgentInfo {
  return infoOf(record, false);
}
