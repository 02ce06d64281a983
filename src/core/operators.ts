import type { AgentRecord } from "./agent.ts";
import { infoOf } from "./agent-info.ts";
import { checkHere } from "./between-homes.ts";
import { Canceller } from "./canceller.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { Entries } from "./entries.ts";
import { OpenAgentsError } from "./errors.ts";
import { FileDesk } from "./file-desk.ts";
import { GoalDesk } from "./goal-desk.ts";
import type { Kernel } from "./kernel.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Mailroom } from "./mailroom.ts";
import { alarmsOf, memoryFiles, memoryHits } from "./listings.ts";
import type { FileService, Operator, Page } from "./ports/index.ts";
import type { FileText, GoalChange, MemoryHit, MemoryQuery, NewGoal } from "./ports/memory.ts";
import type {
  AgentUpdate,
  AlarmInfo,
  Cancelled,
  FilesOptions,
  GoalInfo,
  CancelOptions,
  ListFiles,
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
  readonly #goals: GoalDesk;
  readonly #files: FileDesk;

  constructor(
    kernel: Kernel,
    parts: {
      readonly dispatcher: Dispatcher;
      readonly lifecycle: Lifecycle;
      readonly mailroom: Mailroom;
      /** Is told of what is put on a record outside of any tick. */
      readonly ticked: (ticked: Ticked) => void;
    },
  ) {
    const { dispatcher, lifecycle, mailroom, ticked } = parts;
    this.#kernel = kernel;
    this.#lifecycle = lifecycle;
    this.#entries = new Entries(kernel, dispatcher);
    this.#goals = new GoalDesk(kernel, lifecycle);
    this.#canceller = new Canceller(kernel, dispatcher, ticked);
    this.#files = new FileDesk(kernel, {
      lifecycle,
      mailroom,
      entries: this.#entries,
      canceller: this.#canceller,
    });
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

  async goals(ref: string, after: string, limit: number): Promise<readonly GoalInfo[]> {
    return this.#goals.list(await this.#atHome(ref), { after, limit });
  }

  async addGoal(ref: string, goal: NewGoal): Promise<GoalInfo> {
    return this.#goals.add(await this.#atHome(ref), goal);
  }

  async updateGoal(
    ref: string,
    goal: string,
    change: GoalChange,
    options: UpdateOptions = {},
  ): Promise<GoalInfo> {
    return this.#goals.update(await this.#atHome(ref), { goal, change, ...options });
  }

  async removeGoal(ref: string, goal: string, options: UpdateOptions = {}): Promise<void> {
    return this.#goals.remove(await this.#atHome(ref), { goal, ...options });
  }

  fs(ref: string, user: Operator = "admin", options?: FilesOptions): FileService {
    return this.#files.files(ref, user, options);
  }

  async files(ref: string, query: ListFiles = {}): Promise<Page<FileText>> {
    return memoryFiles(this.#kernel.store, (await this.#atHome(ref)).id, query);
  }

  async searchMemory(
    ref: string,
    words: string,
    query: MemoryQuery = {},
  ): Promise<readonly MemoryHit[]> {
    const { id } = await this.#atHome(ref);
    return memoryHits(this.#kernel, id, { ...query, words });
  }

  async alarms(ref: string, after: string, limit: number): Promise<readonly AlarmInfo[]> {
    return alarmsOf(this.#kernel.store, (await this.#atHome(ref)).id, { after, limit });
  }

  /** @throws MOVED, BUSY when what is stored here of an agent is not what it has */
  async #atHome(ref: string): Promise<AgentRecord> {
    const record = await this.#find(ref);
    if (record.status !== "leaving") checkHere(record);
    return record;
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
