import type { DraftEnvelope } from "../../core/draft-envelope.ts";
import type { EnvelopeType } from "../../core/envelope.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import type { Json } from "../../core/json.ts";
import type { JsonPath, Step } from "./json-path.ts";
import { PLUMBER_LIMITS } from "./limits.ts";
import type { Work } from "./work.ts";

/** What is changed about an envelope. */
export interface Transform {
  readonly type: EnvelopeType | undefined;
  readonly priority: number | undefined;
  /** By name in lower case; null for one that goes. */
  readonly headers: readonly (readonly [name: string, value: string | null])[];
  readonly pick: readonly JsonPath[] | undefined;
  readonly set: readonly (readonly [steps: readonly Step[], value: ValueOf])[];
  readonly remove: readonly JsonPath[];
}

/** A value made of a payload; undefined when that has not what it is made of. */
export type ValueOf = (payload: Json, work: Work) => Json | undefined;

/** How much may be made, and done for it. */
export interface Bounds {
  /** The longest payload, UTF-16 units of JSON. */
  readonly payloadLength: number;
  readonly work: Work;
}

/**
 * A changed copy; the draft stays as it is, and shares with the copy what was not changed.
 * @throws LIMIT when the payload would be longer than `payloadLength`, or too deep, or too much work
 */
export function transform(
  draft: DraftEnvelope,
  { type, priority, headers, pick, set, remove }: Transform,
  bounds: Bounds,
): DraftEnvelope {
  const { work } = bounds;
  const before = draft.payload;
  let payload = before;
  if (pick !== undefined) payload = keep(payload, treeOf(placesOf(pick, payload, work)));
  for (const [steps, value] of set) {
    const made = value(before, work);
    if (made !== undefined) payload = put(payload, steps, made);
  }
  if (remove.length > 0) payload = without(payload, treeOf(placesOf(remove, payload, work)));
  if (set.length > 0) checkSize(payload, bounds);
  return {
    ...draft,
    payload,
    ...(type !== undefined && { type }),
    ...(priority !== undefined && { priority }),
    ...(headers.length > 0 && { headers: changedHeaders(draft.headers, headers) }),
  };
}

function changedHeaders(
  headers: Readonly<Record<string, string>> | undefined,
  changes: Transform["headers"],
): Record<string, string> {
  const names = new Set(changes.map(([name]) => name));
  const kept = Object.entries(headers ?? {}).filter(([name]) => !names.has(name.toLowerCase()));
  const added = changes.filter((change): change is [string, string] => change[1] !== null);
  return Object.fromEntries([...kept, ...added]);
}

function placesOf(
  paths: readonly JsonPath[],
  payload: Json,
  work: Work,
): readonly (readonly Step[])[] {
  return paths.flatMap((path) => path.places(payload, work));
}

/** Ways, put together by their beginnings; "whole" at the end of one. */
type Tree = Map<Step, Tree> | "whole";

function treeOf(ways: readonly (readonly Step[])[]): Tree {
  const root = new Map<Step, Tree>();
  for (const way of ways) {
    if (way.length === 0) return "whole";
    let at = root;
    for (const [i, step] of way.entries()) {
      const below = at.get(step);
      if (below === "whole") break;
      if (i === way.length - 1) at.set(step, "whole");
      else if (below === undefined) {
        const made = new Map<Step, Tree>();
        at.set(step, made);
        at = made;
      } else at = below;
    }
  }
  return root;
}

/** Only what the tree leads to. */
function keep(value: Json, tree: Tree): Json {
  if (tree === "whole") return value;
  if (Array.isArray(value)) {
    return value.flatMap((item, i) => {
      const below = tree.get(i);
      return below === undefined ? [] : [keep(item, below)];
    });
  }
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) => {
      const below = tree.get(name);
      return below === undefined ? [] : [[name, keep(member, below)] as const];
    }),
  );
}

/** All but what the tree leads to. */
function without(value: Json, tree: Tree): Json {
  if (tree === "whole") return null;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    return value.flatMap((item, i) => {
      const below = tree.get(i);
      if (below === "whole") return [];
      return [below === undefined ? item : without(item, below)];
    });
  }
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) => {
      const below = tree.get(name);
      if (below === "whole") return [];
      return [[name, below === undefined ? member : without(member, below)] as const];
    }),
  );
}

/**
 * The payload with a value at the end of a way. What is missing on the way, or is no object or array
 * there, is made; an index past the end appends.
 */
function put(payload: Json | undefined, steps: readonly Step[], value: Json): Json {
  const [step, ...rest] = steps;
  if (step === undefined) return value;
  if (typeof step === "number") {
    const items = Array.isArray(payload) ? [...payload] : [];
    const at = Math.min(step, items.length);
    items[at] = put(items[at], rest, value);
    return items;
  }
  const isObject = typeof payload === "object" && payload !== null && !Array.isArray(payload);
  const members = isObject ? Object.entries(payload) : [];
  const below = isObject && Object.hasOwn(payload, step) ? payload[step] : undefined;
  // Made of entries, no name is anything but a member of its own: not even "__proto__".
  const at = members.findIndex(([name]) => name === step);
  const member = [step, put(below, rest, value)] as [string, Json];
  return Object.fromEntries(at < 0 ? [...members, member] : members.with(at, member));
}

/** What copies of a payload within it come to: doubled by each of a few rules it would fill memory. */
function checkSize(payload: Json, { payloadLength: most, work }: Bounds): void {
  let left = most;
  const measure = (value: Json, depth: number): void => {
    work.spend(1);
    left -= typeof value === "string" ? value.length + 2 : 1;
    if (typeof value !== "object" || value === null) return refuse(left < 0);
    refuse(left < 0 || depth >= PLUMBER_LIMITS.depth);
    if (Array.isArray(value)) {
      left -= value.length;
      for (const item of value) measure(item, depth + 1);
      return undefined;
    }
    for (const name of Object.keys(value)) {
      left -= name.length + 4;
      measure(value[name]!, depth + 1);
    }
    return undefined;
  };
  const refuse = (isTooMuch: boolean): void => {
    if (!isTooMuch) return;
    throw new OpenAgentsError(
      "LIMIT",
      `Cannot route envelope: a rule makes its payload longer than ${most} characters, or too deep`,
    );
  };
  measure(payload, 0);
}
