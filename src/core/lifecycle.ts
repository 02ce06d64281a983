import { checkTransition, TICKING } from "./agent.ts";
import type { AgentRecord, AgentStatus } from "./agent.ts";
import { checkHere } from "./between-homes.ts";
import { endNotes } from "./births.ts";
import { spentOf } from "./budget.ts";
import { childrenIn } from "./children.ts";
import type { Courier } from "./courier.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { OpenAgentsError } from "./errors.ts";
import type { FilesCommand } from "./file-edit.ts";
import type { Kernel } from "./kernel.ts";
import { readText } from "./load.ts";
import { noDeadLetter } from "./mailroom.ts";
import type { Mailroom } from "./mailroom.ts";
import type { GoalsCommand } from "./think.ts";
import type { TickRecord } from "./trajectory.ts";
import type { FilesQuery } from "./ports/memory.ts";
import { paths, timerOf } from "./tree.ts";

/** What an operator has an agent do: each as `Runtime` has it, for an agent's entry in the directory. */
export class Lifecycle {
  readonly #kernel: Kernel;
  readonly #dispatcher: Dispatcher;
  readonly #mailroom: Mailroom;
  readonly #courier: Courier;
  /** Ends that are under way, by agent. */
  readonly #ending = new Map<string, Promise<void>>();

  constructor(
    kernel: Kernel,
    parts: {
      readonly dispatcher: Dispatcher;
      readonly mailroom: Mailroom;
      readonly courier: Courier;
    },
  ) {
    this.#kernel = kernel;
    this.#dispatcher = parts.dispatcher;
    this.#mailroom = parts.mailroom;
    this.#courier = parts.courier;
  }

  async tick(record: AgentRecord): Promise<TickRecord> {
    this.#checkTicks(record);
    return this.#mailroom.command(record, "tick");
  }

  async wake(record: AgentRecord): Promise<TickRecord> {
    checkHere(record);
    checkAwake(record, "wake");
    if (!TICKING.has(record.status)) await this.#held(record, (now) => this.#revive(now));
    return this.#mailroom.command(record, "wake");
  }

  async hibernate(record: AgentRecord): Promise<TickRecord> {
    this.#checkTicks(record);
    const tick = await this.#mailroom.command(record, "hibernate");
    await this.#held(record, async ({ id }) => this.#kernel.cache.delete(id));
    return tick;
  }

  async pause(record: AgentRecord): Promise<AgentRecord> {
    const paused = this.#held<AgentRecord>(record, async (now) => {
      if (now.status === "paused") return now;
      this.#checkAlive(now, "pause");
      await this.#setStatus(now, "paused");
      this.#mailroom.paused(now);
      return { ...now, status: "paused" };
    });
    // It waits for the tick that runs, which may be long.
    this.#dispatcher.pause(record.id);
    return paused;
  }

  async resume(record: AgentRecord): Promise<AgentRecord> {
    return this.#held(record, async (now) => {
      if (now.status !== "paused") {
        this.#checkAlive(now, "resume");
        return now;
      }
      const status = await this.#begun(now);
      await this.#setStatus(now, status);
      const [timer] = await this.#kernel.store.files(now.id, { prefix: paths.timers, limit: 1 });
      this.#dispatcher.wake(now.id);
      if (timer !== undefined) this.#dispatcher.wakeAt(timerOf(timer.path).at);
      return { ...now, status };
    });
  }

  /** The record of the tick in which the goals were changed, or were not. */
  async changeGoals(record: AgentRecord, command: GoalsCommand): Promise<TickRecord> {
    this.#checkTicks(record);
    return this.#mailroom.command(record, command);
  }

  /** The same for a change of its files. */
  async changeFiles(record: AgentRecord, command: FilesCommand): Promise<TickRecord> {
    this.#checkTicks(record);
    return this.#mailroom.command(record, command);
  }

  /** Has its record say what its key was used for, durably, where it can have one more. */
  async note(record: AgentRecord): Promise<void> {
    if (!TICKING.has(record.status) || !this.#kernel.agents.has(record.type)) return;
    await this.#mailroom.command(record, "note");
  }

  /** Whoever asks while an agent ends waits for that end: a second command would cut the first one off. */
  async terminate({ id }: AgentRecord): Promise<void> {
    const under = this.#ending.get(id);
    if (under !== undefined) return under;
    const ending = this.#terminate(id).finally(() => this.#ending.delete(id));
    this.#ending.set(id, ending);
    return ending;
  }

  async #terminate(id: string): Promise<void> {
    // It may have ended, or be gone, since it was looked up.
    const record = await this.#kernel.store.get(id);
    if (record === undefined || record.status === "terminated") return;
    if (record.status !== "moved") checkHere(record);
    if (TICKING.has(record.status) && this.#kernel.agents.has(record.type)) {
      const ended = this.#mailroom.command(record, "terminate");
      this.#dispatcher.cut(record.id, new OpenAgentsError("CANCELLED", "The agent is terminated"));
      await ended;
    }
    // Of one that cannot tick, or whose tick could not come to this end.
    await this.#held(record, async (now) => {
      if (now.status === "terminated") return;
      await this.#setStatus(now, "terminated");
      this.#mailroom.stop(now.id);
      await this.#tellParent(now);
    });
  }

  /** Tells the parent of an agent that ended with no tick. To be told again is nothing. */
  async #tellParent(record: AgentRecord): Promise<void> {
    const { store, clock } = this.#kernel;
    const { id } = record;
    const list = (query: FilesQuery) =>
      store
        .files(id, query)
        .then((rows) => rows.map(({ path, value }) => ({ path, value: value as string })));
    const estate = {
      spent: spentOf(await readText(store, id, paths.spent), clock.now()),
      children: await childrenIn({ list }),
      parent: await readText(store, id, paths.parent),
    };
    for (const note of endNotes(this.#kernel, record, estate)) await this.#courier.tell(note);
  }

  async replay({ id, name }: AgentRecord, envelopeId: string): Promise<void> {
    const { store } = this.#kernel;
    if (!(await store.replay(id, envelopeId))) throw noDeadLetter(name, envelopeId);
    this.#dispatcher.wake(id);
    this.#courier.poke();
    await store.sync();
  }

  async discard({ id, name }: AgentRecord, envelopeId: string): Promise<void> {
    const { store } = this.#kernel;
    const done = await store.discard(id, envelopeId, paths.journal(envelopeId));
    if (!done) throw noDeadLetter(name, envelopeId);
    await store.sync();
  }

  async purge(record: AgentRecord): Promise<void> {
    const { id } = record;
    if (record.status !== "arriving") {
      await this.terminate(record);
      // What it has sent has been said. What has to wait goes with it.
      await this.#courier.empty(id);
      // Its end has told already, unless that was cut short.
      if (record.status === "terminated") await this.#tellParent(record);
    }
    // To erase what another purge has erased is nothing.
    await this.#dispatcher.hold(id, async () => {
      this.#kernel.cache.delete(id);
      await this.#kernel.store.remove(id);
      await this.#kernel.store.sync();
    });
  }

  /** Does something with an agent as it is between two ticks. @throws NOT_FOUND when it is gone */
  async #held<T>({ id, name }: AgentRecord, work: (now: AgentRecord) => Promise<T>): Promise<T> {
    return this.#dispatcher.hold(id, async () => {
      const now = await this.#kernel.store.get(id);
      if (now === undefined) {
        throw new OpenAgentsError("NOT_FOUND", `There is no agent "${name}" any more`);
      }
      return work(now);
    });
  }

  /** @throws CONFIG, BUSY, MOVED, TERMINATED, INVALID when the agent's ticks do not run */
  #checkTicks(record: AgentRecord): void {
    const { name, type, status } = record;
    if (!this.#kernel.agents.has(type)) {
      throw new OpenAgentsError(
        "CONFIG",
        `Cannot tick "${name}": there is no agent type "${type}" in this runtime`,
      );
    }
    checkHere(record);
    if (TICKING.has(status)) return;
    checkAwake(record, "tick");
    if (status === "terminated") {
      throw new OpenAgentsError("TERMINATED", `Cannot tick "${name}": it is terminated`);
    }
    throw new OpenAgentsError("INVALID", `Cannot tick "${name}": it is ${status}, wake it first`);
  }

  /** @throws TERMINATED, BUSY, MOVED, INVALID when the agent's ticks do not run */
  #checkAlive(record: AgentRecord, verb: "pause" | "resume"): void {
    const { name, status } = record;
    checkHere(record);
    if (TICKING.has(status)) return;
    if (status === "terminated") {
      throw new OpenAgentsError("TERMINATED", `Cannot ${verb} "${name}": it is terminated`);
    }
    const help = `it is ${status}, and nothing of it runs: "wake" brings it back`;
    throw new OpenAgentsError("INVALID", `Cannot ${verb} "${name}": ${help}`);
  }

  /** The status of a living agent: one whose first tick never came to its end is still in creation. */
  async #begun({ id }: AgentRecord): Promise<"creating" | "live"> {
    const [version] = await this.#kernel.store.read(id, [paths.version]);
    return version === undefined ? "creating" : "live";
  }

  /** Brings a failed or quarantined agent back; one that was never created begins anew. */
  async #revive(record: AgentRecord): Promise<void> {
    const { store } = this.#kernel;
    if (TICKING.has(record.status)) return;
    const status = await this.#begun(record);
    // Before its status: one that is in creation with nothing to begin it would wait for ever.
    if (status === "creating") await store.replay(record.id, "initialize");
    await this.#setStatus(record, status);
  }

  async #setStatus(record: AgentRecord, status: AgentStatus): Promise<void> {
    checkTransition(record.status, status);
    this.#kernel.cache.delete(record.id);
    await this.#kernel.store.setStatus(record.id, status);
    await this.#kernel.store.sync();
  }
}

/** @throws BUSY for an agent that is paused: only `resume` ends that */
function checkAwake({ name, status }: AgentRecord, verb: "tick" | "wake"): void {
  if (status !== "paused") return;
  throw new OpenAgentsError("BUSY", `Cannot ${verb} "${name}": it is paused, resume it first`);
}
