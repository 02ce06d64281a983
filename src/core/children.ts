import { checkLabels, checkName } from "./agent.ts";
import type { AgentRecord } from "./agent.ts";
import type { Amount, Budget, Meter } from "./budget.ts";
import { birthLetter, nameTaken, reserve } from "./births.ts";
import type { ChildCommand } from "./births.ts";
import type { Child, SpawnOptions } from "./context.ts";
import type { AgentDefinition } from "./definition.ts";
import type { Envelope } from "./envelope.ts";
import { OpenAgentsError } from "./errors.ts";
import { Serial } from "./kernel.ts";
import type { Kernel } from "./kernel.ts";
import { isLocked } from "./locked.ts";
import type { Account } from "./ports/index.ts";
import type { AgentFiles } from "./ports/memory.ts";
import { askedShare, lowerBudget, newShare, withoutShares } from "./share.ts";
import type { LaterStep } from "./steps.ts";
import { paths } from "./tree.ts";

/** A child in its parent's tree. */
export interface ChildFile extends Child {
  /** The trigger whose tick made it, and by which name it asked for it. */
  readonly by: string;
  readonly as: string;
}

/** What a run of a hook has to do with the agent's children. */
export interface ChildrenParts {
  readonly record: AgentRecord;
  readonly definition: AgentDefinition;
  /** The id of what caused the tick. */
  readonly trigger: string;
  /** Those of which the letter left with an earlier run that was parked. */
  readonly gone: readonly string[];
  readonly files: AgentFiles;
  /** As `Meter.hold`. */
  readonly hold: (choose: (left: Amount) => Amount) => Promise<() => void>;
  readonly later: (name: string) => LaterStep;
  /** A letter of the agent. @throws INVALID, LIMIT */
  readonly letter: (to: string, payload: unknown) => Envelope;
  /** The keys are locked, so the tick waits, whatever agent code makes of the error. */
  readonly locked: (error: unknown) => void;
}

/**
 * What is journaled of a child: all that is not asked for anew when the hook is run again. With no account
 * where the child was made before, by a run of which the journal was dropped.
 */
type Allotted =
  | (Account & { readonly at: number; readonly budget?: Budget })
  | { readonly id: string; readonly account?: undefined };

/** The most that an agent may spend: what it has of its parent, and what its type says. */
export function limitOf(record: AgentRecord, definition: AgentDefinition): Budget | undefined {
  const own = record.budget === undefined ? undefined : (JSON.parse(record.budget) as Budget);
  return lowerBudget(own, definition.budget);
}

/** The most that an agent may spend in a day beside what its children may; what is absent has no limit. */
export async function ownLimit(
  { record, definition }: Pick<ChildrenParts, "record" | "definition">,
  files: Pick<AgentFiles, "list">,
): Promise<Amount> {
  const limit = limitOf(record, definition);
  if (limit === undefined) return {};
  const children = await childrenIn(files);
  return withoutShares(
    limit,
    children.map(({ budget }) => budget),
  );
}

/** All children of an agent that are not ended. */
export async function childrenIn(files: Pick<AgentFiles, "list">): Promise<readonly ChildFile[]> {
  const limit = 256;
  const found: ChildFile[] = [];
  for (let after: string | undefined; ;) {
    const page = await files.list({ prefix: paths.children, after, limit });
    found.push(...page.map(({ value }) => JSON.parse(value) as ChildFile));
    if (page.length < limit) return found;
    after = page.at(-1)!.path;
  }
}

/**
 * Does what a parent is told of a child. Children of one that ended become its own, with their shares, and what
 * it spent today is spent: so a budget holds for all who live of it. Those that are to be told whose they are.
 */
export async function noteChild(
  { files, meter }: { readonly files: AgentFiles; readonly meter: Meter },
  { child, name, ended, spent, children = [] }: ChildCommand,
): Promise<readonly string[] | undefined> {
  const path = paths.child(child);
  const text = await files.read(path);
  // It is told more than once.
  if (text === undefined) return undefined;
  for (const one of children) files.write(paths.child(one.id), JSON.stringify(one));
  if (spent !== undefined) await meter.give(spent);
  if (ended === true) files.remove(path);
  else if (name !== undefined) files.write(path, JSON.stringify({ ...JSON.parse(text), name }));
  return children.map(({ id }) => id);
}

/** The children that one run of a hook makes and sees. */
export class Children {
  readonly #kernel: Kernel;
  readonly #parts: ChildrenParts;
  readonly #turns = new Serial();
  /** Whom this run has asked for, by npub. */
  readonly #asked = new Set<string>();
  /** Their npubs by the names that they are to have. */
  readonly #names = new Map<string, string>();
  /** What is to leave with the next commit, by npub. */
  readonly #births = new Map<string, readonly Envelope[]>();

  constructor(kernel: Kernel, parts: ChildrenParts) {
    this.#kernel = kernel;
    this.#parts = parts;
  }

  /** As `Context.spawn`. */
  async spawn(name: string, options: SpawnOptions = {}): Promise<string> {
    const { record, later, letter } = this.#parts;
    checkName(name);
    const { type = record.type, payload } = options;
    const labels = checkLabels(options.labels ?? []);
    const asked = options.budget === undefined ? undefined : askedShare(options.budget);
    if (!this.#kernel.agents.has(type)) {
      const types = [...this.#kernel.agents.keys()].join(", ");
      throw new OpenAgentsError(
        "INVALID",
        `Cannot spawn "${name}": there is no agent type "${type}", there are: ${types}`,
      );
    }
    const first = payload === undefined ? undefined : letter(name, payload);
    const run = later(`spawn:${name}`);
    const allotted = await run(() => this.#turns.run(() => this.#allot({ name, type }, asked)), {
      keep: toKeep,
    });
    const { id } = allotted;
    this.#asked.add(id);
    this.#names.set(name, id);
    if (allotted.account === undefined || this.#parts.gone.includes(id)) return id;
    const { publicKey, account, at, budget } = allotted;
    const generation = (record.generation ?? 0) + 1;
    const entry = { id, publicKey, name, type, labels, account, createdAt: at };
    const share = budget !== undefined && { budget: JSON.stringify(budget) };
    const birth = birthLetter(
      { ...entry, parent: record.id, generation, ...share },
      this.#kernel.clock.now(),
    );
    // Its id is the same each time, so that a dead letter that is replayed says it no second time.
    const letters = first === undefined ? [] : [{ ...first, id: `child:${id}:first`, to: id }];
    this.#births.set(id, [birth, ...letters]);
    this.#enter({ id, name, type, at, ...(budget !== undefined && { budget }) });
    return id;
  }

  /** As `Context.children`: one that this hook made before it was parked is there once it is made again. */
  async list(): Promise<readonly Child[]> {
    const all = await childrenIn(this.#parts.files);
    return all
      .filter(({ id, by }) => by !== this.#parts.trigger || this.#asked.has(id))
      .map(({ by: _by, as: _as, ...child }) => child);
  }

  /** The npub of a child of this run by the name that it is to have; else what is given. */
  addressOf(to: string): string {
    return this.#names.get(to) ?? to;
  }

  /** The letters that make children and are the first to them, in order. */
  get letters(): readonly Envelope[] {
    return [...this.#births.values()].flat();
  }

  /** Whose letters those are. */
  get ids(): readonly string[] {
    return [...this.#births.keys()];
  }

  /** A name that is free, a key, and a share of what is left. @throws EXISTS, LIMIT, LOCKED */
  async #allot(
    { name, type }: Pick<Child, "name" | "type">,
    asked: Budget | undefined,
  ): Promise<Allotted> {
    const { record, definition, trigger, files, locked, hold } = this.#parts;
    const { clock, limits } = this.#kernel;
    const { generations, children: most } = limits;
    const generation = (record.generation ?? 0) + 1;
    if (generation > generations) {
      throw new OpenAgentsError(
        "LIMIT",
        `Cannot spawn "${name}": it would be ${generation} agents below the one that an operator made, limits.generations is ${generations}`,
      );
    }
    if (this.#names.has(name)) throw nameTaken(name);
    const living = await childrenIn(files);
    const before = living.find(({ by, as }) => by === trigger && as === name);
    if (before !== undefined) {
      this.#names.set(name, before.id);
      return { id: before.id };
    }
    if (living.length >= most) {
      throw new OpenAgentsError(
        "LIMIT",
        `Cannot spawn "${name}": "${record.name}" has ${living.length} children, limits.children is ${most}: end one of them`,
      );
    }
    let budget: Budget | undefined;
    // Steps that go on meanwhile must not have it too.
    const letGo = await hold((left) => {
      budget = newShare(limitOf(record, definition), asked, left);
      return budget?.perDay ?? {};
    });
    try {
      const account = await reserve(this.#kernel, name);
      const allotted = { ...account, at: clock.now(), ...(budget !== undefined && { budget }) };
      this.#names.set(name, account.id);
      // In this turn, so that the next one counts it.
      this.#enter({ id: account.id, name, type, at: allotted.at, ...(budget && { budget }) });
      return allotted;
    } catch (error) {
      if (isLocked(error)) locked(error);
      throw error;
    } finally {
      letGo();
    }
  }

  #enter(child: Child): void {
    const file: ChildFile = { ...child, by: this.#parts.trigger, as: child.name };
    this.#parts.files.write(paths.child(child.id), JSON.stringify(file));
  }
}

/** What a hook may decide by: it ends the same way when it is run again. */
function toKeep(error: unknown): OpenAgentsError | undefined {
  if (!(error instanceof OpenAgentsError)) return undefined;
  return error.code === "EXISTS" || error.code === "LIMIT" ? error : undefined;
}
