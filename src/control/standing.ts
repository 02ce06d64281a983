import type { Clock, HomeFiles } from "../core/ports/index.ts";
import type { Runtime } from "../core/runtime.ts";
import { isBound, mayTouch } from "./access.ts";
import type { Principal } from "./access.ts";
import type { RateLimit } from "./rate-limit.ts";
import { tokenEnd } from "./tokens.ts";

/** Says whether who was let in before would be let in now. @throws whatever keeps it from knowing */
export type StillGood = (principal: Principal) => boolean | Promise<boolean>;

/** By what those are held to their rights whose connection stays open. */
export interface Guard {
  /** Default: whoever was let in once stays in. */
  readonly stillGood?: StillGood | undefined;
  /** Counts what those do who have a rate. Default: nobody counts. */
  readonly rates?: RateLimit | undefined;
}

/** How long it is remembered whether a token is there, ms. */
const REMEMBERED = 5_000;
/** Of how many tokens. */
const KEPT = 1_000;

/**
 * Looks after stored tokens in a home's files, each at most once in five seconds, so that a token that
 * is revoked holds for as long at most. One that ends at a time ends at that time.
 */
export function tokenStanding({
  files,
  clock,
}: {
  readonly files: HomeFiles;
  readonly clock: Pick<Clock, "now">;
}): StillGood {
  /** When each token ends, 0 for one that is no more; and when to look again. */
  const known = new Map<string, { readonly end: number; readonly until: number }>();
  const looks = new Map<string, Promise<boolean>>();
  const look = async (id: string): Promise<boolean> => {
    try {
      const end = await tokenEnd(files, id);
      const now = clock.now();
      known.delete(id);
      known.set(id, { end, until: now + REMEMBERED });
      if (known.size > KEPT) known.delete(known.keys().next().value!);
      return now < end;
    } finally {
      looks.delete(id);
    }
  };
  return ({ id: principal }) => {
    const id = /^token:(.+)$/.exec(principal)?.[1];
    if (id === undefined) return true;
    const kept = known.get(id);
    const now = clock.now();
    if (kept !== undefined && now < kept.until) return now < kept.end;
    const asked = looks.get(id) ?? look(id);
    looks.set(id, asked);
    return asked;
  };
}

/** True while a principal may still use an agent, by its id: it is good, and the agent within its bounds. */
export function standing(
  principal: Principal,
  agent: string,
  { runtime, stillGood }: { readonly runtime: Pick<Runtime, "get"> } & Guard,
): boolean | Promise<boolean> {
  const good = stillGood?.(principal) ?? true;
  if (!isBound(principal)) return good;
  return (async () => (await good) && mayTouch(principal, await runtime.get(agent)))();
}
