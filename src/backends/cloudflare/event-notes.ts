import type { NotedTick } from "../../control/webhooks.ts";

/** What an answer to a note says: whether anybody wants events at all. */
export interface NotesAnswer {
  readonly wanted: boolean;
}

/** Passes notes of ticks on, from all the agents of an isolate. */
export interface EventNotes {
  /** The notes of one agent, in their order. */
  agent(): { add(tick: NotedTick): Promise<void> };
}

/** How long it holds that nobody wants events, ms: a webhook that is made is heard of by then. */
const HOLDS = 15_000;
/** Ticks of one agent that wait while the home's object cannot be reached. */
const MOST = 1000;

/**
 * Tells the home's object of ticks, as long as it says that somebody wants their events. While nobody
 * does, it costs one call of each isolate in a quarter of a minute.
 */
export function eventNotes(
  notice: (ticks: readonly NotedTick[]) => Promise<NotesAnswer>,
): EventNotes {
  let unwantedUntil = 0;
  return {
    agent() {
      let queue: NotedTick[] = [];
      let sending: Promise<void> | undefined;
      const send = async (): Promise<void> => {
        while (queue.length > 0) {
          const ticks = queue;
          queue = [];
          try {
            const { wanted } = await notice(ticks);
            unwantedUntil = wanted ? 0 : Date.now() + HOLDS;
          } catch (error) {
            // They go with the next one; the order stays.
            queue = [...ticks, ...queue].slice(-MOST);
            throw error;
          }
        }
      };
      return {
        async add(tick) {
          if (Date.now() < unwantedUntil) return;
          queue.push(tick);
          sending ??= send().finally(() => (sending = undefined));
          await sending;
        },
      };
    },
  };
}
