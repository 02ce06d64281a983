import type { SqlValue } from "../src/stores/sql/sql.ts";

/** One statement that the store ran, as it ran it. */
export interface Written {
  readonly query: string;
  readonly params: readonly SqlValue[];
}

/** The keys of the message that is watched. None is the value of anything else that is written. */
export const WATCHED = { agent: 7, n: 21, id: "00000000-0000-7000-8000-000000000021" } as const;
/** Each of the agents has its first mail at a position of its own. */
export const WATCHED_POSITION = WATCHED.agent + WATCHED.n - 1;

/** A value that was seen, or in the place of a key the next one. */
export function keyed(
  value: SqlValue,
  { agent, n, message }: { readonly agent: number; readonly n: number; readonly message: number },
): SqlValue {
  if (value === WATCHED.agent) return agent;
  if (value === WATCHED.n) return n;
  if (value === WATCHED_POSITION) return message;
  if (value === WATCHED.id) return String(message).padStart(WATCHED.id.length, "0");
  if (typeof value === "string" && /^[0-9a-f]{64}$/.test(value)) {
    return String(message).padStart(64, "0");
  }
  return value;
}
