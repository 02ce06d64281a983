import { readFileSync } from "node:fs";
import { join } from "node:path";

// Apart from data-dir.ts, which loads SQLite: whoever only asks where agentd is need not wait for that.

/** The file of a data directory that says where its agentd is: JSON of `Place`. */
export const PLACE_FILE = "agentd.json";

/** The file of a data directory with the bearer token of the control API. */
export const TOKEN_FILE = "token";

/** Where the agentd of a data directory is found. */
export interface Place {
  readonly pid: number;
  /** Absent while it starts. */
  readonly url?: string | undefined;
}

/** What a data directory says of its agentd; undefined when it says nothing. */
export function readPlace(dir: string): Place | undefined {
  try {
    const place = JSON.parse(readFileSync(join(dir, PLACE_FILE), "utf8")) as Partial<Place> | null;
    if (typeof place?.pid !== "number") return undefined;
    return { pid: place.pid, url: typeof place.url === "string" ? place.url : undefined };
  } catch {
    return undefined;
  }
}
