import { MismatchError, OpenAgentsError } from "./errors.ts";
import { valueOf } from "./journal.ts";
import type { Json } from "./json.ts";
import type { Kernel } from "./kernel.ts";
import type { Wait } from "./parked.ts";
import type { Mismatch } from "./replay.ts";
import type { SessionInput } from "./session.ts";

/** What the waits of a run need of it. */
export interface WaitsRun {
  /** True while a step is at work. */
  readonly busy: () => boolean;
  /** The hook has nothing to do but wait. */
  readonly park: (waits: readonly Wait[]) => void;
  /** The hook asks for something else than the journal has. */
  readonly misfit: (error: MismatchError) => void;
}

/**
 * In a replay that is stuck, branches of the hook get so long to ask for something else, ms, and no more than half
 * of the tick's timeout: one may be at work outside of all steps.
 */
const PATIENCE = 5_000;

/** What one run of a hook waits for, and how it is seen that it does nothing else. */
export class Waits {
  readonly #kernel: Kernel;
  readonly #input: SessionInput;
  readonly #run: WaitsRun;
  readonly #waits: Wait[] = [];
  /** What came after it before is asked for when it is over. */
  #anew = false;

  constructor(kernel: Kernel, input: SessionInput, run: WaitsRun) {
    this.#kernel = kernel;
    this.#input = input;
    this.#run = run;
  }

  /** The result of something waited for: from the journal, or never in this run of the hook. */
  for(key: string, begin: () => Wait): Promise<Json | undefined> {
    const { journal, parked } = this.#input.occasion;
    const ask = journal.ask(key);
    const never = new Promise<never>(() => undefined);
    const wait = (): Promise<Json | undefined> => {
      const entry = journal.get(key);
      if (entry !== undefined) return Promise.resolve().then(() => valueOf(entry));
      const known = parked?.waits.find((one) => one.key === key);
      this.#waits.push(known ?? { ...begin(), ...journal.stampOf(ask) });
      this.#anew ||= ask.anew;
      this.look();
      return never;
    };
    if (ask.turn === undefined) return wait();
    this.look();
    return ask.turn.then(wait, () => never);
  }

  /** Something is over, waits or is held back: looks once the hook's own turn is over. */
  look(): void {
    const still = this.#stillness();
    if (still === undefined) return;
    const { replay } = this.#input.occasion.journal;
    const { asks } = replay;
    const patience = Math.min(PATIENCE, this.#input.agent.definition.timeout / 2);
    this.#kernel.clock.after(still === "stuck" ? patience : 0, () => {
      if (this.#stillness() !== still) return;
      if (still === "waiting") this.#run.park(this.#waits);
      else if (replay.asks === asks) this.#run.misfit(this.#misfit(replay.mismatch()!));
      else this.look();
    });
  }

  /** The run is over: what is held back gets no turn. */
  end(): void {
    this.#input.occasion.journal.end(
      // Made where it is needed: it costs more than all else that a plain tick does here.
      () => new OpenAgentsError("CANCELLED", "Cannot go on: the tick has ended"),
    );
  }

  /** @throws MISMATCH when a hook has ended before it asked for all that other code has asked for */
  checkEnd(): void {
    const mismatch = this.#input.occasion.journal.replay.mismatch();
    if (mismatch !== undefined) throw this.#misfit(mismatch);
  }

  /** How it is with a hook in which no step is at work; `stuck`: it asks for something else than it did. */
  #stillness(): "waiting" | "stuck" | undefined {
    if (this.#run.busy()) return undefined;
    const { replay } = this.#input.occasion.journal;
    if (replay.holds) return "stuck";
    if (this.#waits.length === 0) return undefined;
    return replay.unfinished && !this.#anew ? "stuck" : "waiting";
  }

  #misfit({ asked, journaled }: Mismatch): MismatchError {
    const { agent, occasion } = this.#input;
    const { definition, record } = agent;
    const { revision, otherRevision } = occasion.journal;
    const does = asked === undefined ? "ends" : `asks for "${asked}"`;
    const next =
      definition.onMismatch === "restart"
        ? "it begins anew, and what is journaled is dropped"
        : `run revision "${otherRevision}" and replay the dead letter, or discard it, or set "onMismatch" of agent "${definition.name}" to "restart"`;
    return new MismatchError(
      `Cannot go on with "${occasion.envelope.id}" of "${record.name}": revision "${revision}" ${does} where revision "${otherRevision}" asked for "${journaled}": ${next}`,
    );
  }
}
