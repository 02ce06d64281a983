import { OpenAgentsError } from "./errors.ts";
import { sha256Hex } from "./hash.ts";
import { canonicalJson } from "./json.ts";
import type { Json } from "./json.ts";

/** The revision that something is to be at, or one of several; none of them is met by nothing. */
export type IfMatch = string | readonly string[];

/** What changes something where it is at a revision only. */
export interface Guarded {
  /** Default: it is changed whatever it is at. */
  readonly ifMatch?: IfMatch | undefined;
}

/** A revision of some content: the same for the same content, whatever the order of its keys. */
export function contentRevision(content: object): string {
  // What is undefined is as what is absent.
  return sha256Hex(canonicalJson(JSON.parse(JSON.stringify(content)) as Json)).slice(0, 16);
}

/** @throws PRECONDITION when `what`, as errors name it, is at none of the wanted revisions */
export function checkRevision(what: string, revision: string, ifMatch: IfMatch | undefined): void {
  if (ifMatch === undefined) return;
  const wanted = [ifMatch].flat();
  if (wanted.includes(revision)) return;
  const not = wanted.length === 0 ? "the one asked for" : `"${wanted.join('", "')}"`;
  throw new OpenAgentsError(
    "PRECONDITION",
    `Cannot change ${what}: it is at revision "${revision}" and not ${not}: look again`,
  );
}
