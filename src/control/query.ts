import * as z from "zod/v4";
import { described } from "./described.ts";
import type { Description } from "./described.ts";
import type { AgentStatus } from "../core/agent.ts";
import { TRANSITIONS, isRef } from "../core/agent.ts";
import { isMoveId } from "../core/bundle/manifest.ts";
import { toMs } from "../core/duration.ts";
import { OpenAgentsError } from "../core/errors.ts";

/** A parameter that `parse` reads, which says what is wrong with it. */
function parameter<T>(
  given: Description,
  parse: (text: string | undefined) => T,
): z.ZodType<T, string | undefined> {
  return z.string().optional().transform(parse).register(described, given);
}

/** `limit`: how many a page has at most. */
export const limitParameter: z.ZodType<number> = parameter(
  {
    type: "integer",
    minimum: 1,
    maximum: 1000,
    default: 100,
    description: "How many a page has at most; pages of large rows are shorter.",
  },
  pageLimit,
);

/** `limit`, of a search: how many it gives at most. */
export const hitsParameter: z.ZodType<number> = parameter(
  { type: "integer", minimum: 1, maximum: 100, default: 10, description: "How many it gives." },
  (text) => wholeNumber("limit", text, { min: 1, max: 100, default: 10 }),
);

/** `in`, of a search: some of a set of words, with commas between them; undefined for all. */
export function wordsParameter<T extends string>(
  name: string,
  description: string,
  words: readonly T[],
): z.ZodType<readonly T[] | undefined> {
  const given = { description: `${description} Some of ${words.join(", ")}, with commas between.` };
  return parameter(given, (text) =>
    text === undefined || text === ""
      ? undefined
      : text.split(",").map((word) => oneOf(name, word.trim(), words)!),
  );
}

/** A whole number from 0; undefined when it is absent. */
export function numberParameter(name: string, description: string): z.ZodType<number | undefined> {
  const range = { min: 0, max: Number.MAX_SAFE_INTEGER, default: 0 };
  return parameter({ type: "integer", minimum: 0, description }, (text) =>
    text === undefined ? undefined : wholeNumber(name, text, range),
  );
}

/** `after`, for rows with numbers. */
export const afterParameter: z.ZodType<number> = parameter(
  { type: "integer", minimum: 0, default: 0, description: "Rows above this number only." },
  pageAfter,
);

/** `wait`, of a send. */
export const waitParameter: z.ZodType<number | undefined> = parameter(
  {
    description:
      "Wait for the answer, this long at most: a number of milliseconds or a duration such as 30s, at most 4m. With no value 30 s.",
    example: "30s",
  },
  waitTime,
);

/** `status`, to list agents by. */
export const statusParameter: z.ZodType<AgentStatus | undefined> = parameter(
  {
    enum: Object.keys(TRANSITIONS),
    description: "Only those with this stored status; a living agent is live.",
  },
  statusFilter,
);

/** A text that is taken as it is. */
export function textParameter(description: string): z.ZodType<string | undefined> {
  return parameter({ description }, (text) => text);
}

/** True or false; with no value true. */
export function flagParameter(name: string, description: string): z.ZodType<boolean> {
  return parameter({ type: "boolean", default: false, description }, (text) => flag(name, text));
}

/** One of a set of words. */
export function wordParameter<T extends string>(
  name: string,
  description: string,
  words: readonly T[],
): z.ZodType<T | undefined> {
  return parameter({ enum: [...words], description }, (text) => oneOf(name, text, words));
}

/** The name of a move. */
export const moveParameter: z.ZodType<string | undefined> = parameter(
  { pattern: "^[\\w-]{1,64}$", description: "The move that it is part of." },
  moveId,
);

/** Longest time that a request may ask to wait: below the time after which clients give up. */
export const MAX_WAIT = 240_000;
const DEFAULT_WAIT = 30_000;

/** A whole number from `min` to `max` out of a query. @throws INVALID naming the parameter */
export function wholeNumber(
  name: string,
  text: string | undefined,
  range: { readonly min: number; readonly max: number; readonly default: number },
): number {
  if (text === undefined) return range.default;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : -1;
  if (value < range.min || value > range.max) {
    throw invalid(name, `must be a whole number from ${range.min} to ${range.max}`);
  }
  return value;
}

/** The `limit` of a page: 1 to 1000, default 100. */
export function pageLimit(text: string | undefined): number {
  return wholeNumber("limit", text, { min: 1, max: 1000, default: 100 });
}

/** The `after` of a page: rows above it only. Default 0. */
export function pageAfter(text: string | undefined): number {
  return wholeNumber("after", text, { min: 0, max: Number.MAX_SAFE_INTEGER, default: 0 });
}

/** The `wait` of a send in ms; undefined when it is absent, 30 s when it is there with no value. */
export function waitTime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (text === "") return DEFAULT_WAIT;
  const ms = toMs(/^\d+$/.test(text) ? Number(text) : text);
  if (ms > MAX_WAIT) throw invalid("wait", `must be at most ${MAX_WAIT / 1000}s: ask again`);
  return ms;
}

/** A flag: there with no value, `true` or `1`; absent, or `false`. */
export function flag(name: string, text: string | undefined): boolean {
  if (text === undefined || text === "false") return false;
  if (text === "" || text === "true" || text === "1") return true;
  throw invalid(name, "must be true or false");
}

/** A stored status to list agents by. */
export function statusFilter(text: string | undefined): AgentStatus | undefined {
  if (text === undefined || Object.hasOwn(TRANSITIONS, text)) return text as AgentStatus;
  throw invalid("status", `must be one of ${Object.keys(TRANSITIONS).join(", ")}`);
}

/** One of a set of words; undefined when it is absent. @throws INVALID naming the parameter */
export function oneOf<T extends string>(
  name: string,
  text: string | undefined,
  words: readonly T[],
): T | undefined {
  if (text === undefined || (words as readonly string[]).includes(text)) return text as T;
  throw invalid(name, `must be one of ${words.join(", ")}`);
}

/** The name of a move; undefined when it is absent. @throws INVALID */
export function moveId(text: string | undefined): string | undefined {
  if (text === undefined || isMoveId(text)) return text;
  throw invalid("move", 'must be 1 to 64 letters, digits, "-" and "_"');
}

/**
 * What the address names an agent by. What can be no name and no key is refused before the store is
 * asked. @throws INVALID
 */
export function agentRef(text: string): string {
  if (isRef(text)) return text;
  throw new OpenAgentsError(
    "INVALID",
    `Cannot look up agent ${JSON.stringify(text)}: it is no name, npub or hex key`,
  );
}

function invalid(name: string, need: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot read query: "${name}" ${need}`);
}
