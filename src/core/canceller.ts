import { RECORDING } from "./agent.ts";
import type { AgentRecord } from "./agent.ts";
import { checkHere } from "./between-homes.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { CancelledError, errorInfo, OpenAgentsError } from "./errors.ts";
import type { Kernel, LoadedAgent } from "./kernel.ts";
import type { Cancelled, CancelOptions } from "./operations.ts";
import type { Parked } from "./parked.ts";
import { readJournal } from "./perceive.ts";
import type { Occasion } from "./perceive.ts";
import type { MailRow } from "./ports/index.ts";
import { mailSource, timerSource } from "./key-waits.ts";
import { openMail } from "./seal.ts";
import type { Envelope } from "./envelope.ts";
import { loadAgent, readText } from "./load.ts";
import { takeOn } from "./tick.ts";
import type { Ticked } from "./tick.ts";
import { paths } from "./tree.ts";

/** How long a claim for a cancellation is good, ms: it runs no agent code. */
const CLAIM = 60_000;
/** What becomes of a trigger that is cancelled while it waits, as the record has it. */
const REFUSAL = { outcome: "failed", error: errorInfo(new CancelledError()) } as const;

/** Has triggers come to their end that somebody wants no more: as dead letters, which can be replayed. */
export class Canceller {
  readonly #kernel: Kernel;
  readonly #dispatcher: Dispatcher;
  readonly #ticked: (ticked: Ticked) => void;

  constructor(kernel: Kernel, dispatcher: Dispatcher, ticked: (ticked: Ticked) => void) {
    this.#kernel = kernel;
    this.#dispatcher = dispatcher;
    this.#ticked = ticked;
  }

  /** As `Operations.cancel`. */
  async cancel(record: AgentRecord, options: CancelOptions): Promise<Cancelled> {
    checkHere(record);
    const { id } = record;
    const trigger = options.trigger ?? this.#dispatcher.runs(id);
    if (trigger === undefined) return { cancelled: undefined };
    const cut = this.#dispatcher.cutTrigger(id, trigger, new CancelledError());
    let cancelled: boolean;
    try {
      // Whoever asks for what is not there does not wait for the tick that runs.
      const { mail, text } = await this.#find(id, trigger);
      const there = cut.done || mail !== undefined || text !== undefined;
      cancelled = there && (await this.#end(id, trigger, cut));
    } finally {
      cut.end();
    }
    if (cancelled) return { cancelled: trigger };
    if (options.trigger === undefined) return { cancelled: undefined };
    throw new OpenAgentsError(
      "NOT_FOUND",
      `Cannot cancel "${trigger}" of "${record.name}": no such envelope runs, is parked or waits`,
    );
  }

  /** Once the agent is between two ticks the trigger is over, or waits. */
  async #end(id: string, trigger: string, cut: { readonly done: boolean }): Promise<boolean> {
    const ended = await this.#dispatcher.hold(id, async () => {
      const waited = await this.#dead(id, trigger);
      await this.#kernel.store.sync();
      return waited || cut.done;
    });
    // What waited behind it may be due.
    this.#dispatcher.wake(id);
    return ended;
  }

  /** The trigger as it waits: as mail, or as the text of what is parked. */
  async #find(
    id: string,
    trigger: string,
  ): Promise<{ readonly mail: MailRow | undefined; readonly text: string | undefined }> {
    const { store } = this.#kernel;
    const [mail] = await store.mail(id, { box: "inbox", envelope: trigger, limit: 1 });
    return { mail, text: await readText(store, id, paths.parked(trigger)) };
  }

  /** Puts a trigger that waits with the dead letters; false when there is none. */
  async #dead(id: string, trigger: string): Promise<boolean> {
    const { store, clock, cache } = this.#kernel;
    const { mail, text } = await this.#find(id, trigger);
    if (mail === undefined && text === undefined) return false;
    const parked = text === undefined ? undefined : (JSON.parse(text) as Parked);
    const letter = parked?.envelope ?? mail!.envelope;
    if (letter.type === "control" || letter.type === "initialize") {
      throw new OpenAgentsError("INVALID", `Cannot cancel "${trigger}": it is a command`);
    }
    const now = clock.now();
    const claim = await store.claim(id, now, now + CLAIM);
    if (claim === undefined) throw new OpenAgentsError("BUSY", `"${letter.to}" is held`);
    try {
      const record = await store.get(id);
      if (record === undefined || !RECORDING.has(record.status)) {
        const status = record?.status ?? "gone";
        throw new OpenAgentsError(
          "INVALID",
          `Cannot cancel "${trigger}": its agent is ${status}, wake that first`,
        );
      }
      const agent = cache.get(id) ?? (await loadAgent(this.#kernel, record));
      const occasion = await this.#occasion(agent, letter, { parked, mail });
      const input = { agent, claim, occasion, running: () => undefined, at: now, live: undefined };
      const ticked = await takeOn(this.#kernel, input);
      this.#ticked(ticked);
      if (ticked.wakeAt !== null) this.#dispatcher.wakeAt(ticked.wakeAt);
      return true;
    } catch (error) {
      cache.delete(id);
      throw error;
    } finally {
      await store.release(claim);
    }
  }

  /** The trigger as a tick would find it, but that it is refused. */
  async #occasion(
    agent: LoadedAgent,
    letter: Envelope,
    { parked, mail }: { readonly parked: Parked | undefined; readonly mail: MailRow | undefined },
  ): Promise<Occasion> {
    const { id } = letter;
    const timer =
      parked !== undefined
        ? ({ at: parked.at, kind: "parked", id } as const)
        : ({ at: mail!.notBefore, kind: "retry", id: String(mail!.position) } as const);
    // Who sent what cannot be opened is not told of it.
    const opened =
      parked !== undefined && letter.sealed === undefined
        ? letter
        : await openMail(this.#kernel, agent.record, letter).catch(() => undefined);
    return {
      source: parked === undefined ? mailSource(id) : timerSource(paths.timer(timer)),
      envelope: opened ?? letter,
      letter,
      mail: parked === undefined ? mail : undefined,
      timers: timer.at > 0 ? [timer] : [],
      parked,
      settled: [],
      journal: await readJournal(this.#kernel, agent, id),
      attempt: (parked?.attempts ?? mail!.attempts) + 1,
      suspect: (parked?.at ?? mail!.at) <= this.#kernel.startedAt,
      refusal: opened === undefined ? { ...REFUSAL, unsigned: true } : REFUSAL,
    };
  }
}
