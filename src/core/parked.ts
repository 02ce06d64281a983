import type { Envelope } from "./envelope.ts";
import type { Kernel, LoadedAgent } from "./kernel.ts";
import { allFiles } from "./load.ts";
import type { Stamp } from "./replay.ts";
import { paths, timerOf } from "./tree.ts";

/** A tick that waits, as it is stored in `parked/<trigger>`: nothing else of it is held. */
export interface Parked {
  /** What caused it, as it was delivered. */
  readonly envelope: Envelope;
  readonly waits: readonly Wait[];
  /** When it is taken up whatever happens: the earliest end of a wait, or the time of a retry. */
  readonly at: number;
  /** Tries that failed. */
  readonly attempts: number;
  /** The npubs of children that were made with a commit of it. */
  readonly spawned?: readonly string[] | undefined;
  /** The last one did: it is taken up to be tried again, and not for what it waits for. */
  readonly failed?: true;
}

/** One thing that a parked tick waits for. */
export interface Wait extends Partial<Stamp> {
  /** The key of the request or sleep in the journal. */
  readonly key: string;
  /** The id of the request's envelope; absent for a sleep. */
  readonly request?: string | undefined;
  /** The npub of the one who was asked; absent when that is not known. */
  readonly asked?: string | undefined;
  /** The name that was asked, when it was one: whoever has it by then may be the one who answers. */
  readonly name?: string | undefined;
  /** When a sleep ends or a request times out, ms since 1970. */
  readonly until: number;
}

/**
 * True while no more ticks of the agent may be parked: what might park one waits where it is until one
 * of them ends. Answers and commands do not.
 */
export async function isFull(
  { store, limits }: Pick<Kernel, "store" | "limits">,
  agent: LoadedAgent,
): Promise<boolean> {
  // Each parked tick has its timer.
  if (agent.wakeAt === null) return false;
  agent.parked ??= await countParked(store, agent.record.id);
  return agent.parked >= limits.parked;
}

/** Counts by the timers, which are empty: a parked tick has its envelope with it. */
async function countParked(store: Kernel["store"], id: string): Promise<number> {
  let count = 0;
  for await (const { path } of allFiles(store, id, paths.timers)) {
    if (timerOf(path).kind === "parked") count += 1;
  }
  return count;
}
