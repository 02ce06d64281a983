import * as z from "zod/v4";
import type { Json } from "../core/json.ts";
import { OpenAgentsError } from "../core/errors.ts";
import type { Clock } from "../core/ports/index.ts";
import { systemClock } from "../core/system.ts";
import { readRaw } from "./raw-body.ts";
import type { RawBodySource } from "./raw-body.ts";

/** The part of a request that a body is read from. */
interface BodySource {
  header(name: string): string | undefined;
  readonly raw: RawBodySource;
}

/** How large a body may be. */
export interface BodyLimit {
  readonly bytes: number;
  /** What sets it, for the error. */
  readonly setBy: string;
}

/** For a body that names things and carries no payload. */
export const SMALL_BODY: BodyLimit = { bytes: 65_536, setBy: "fixed for this route" };

/**
 * The JSON object in a request's body, `{}` for no body; of the text `read`, where it was read before.
 * @throws INVALID for another content type and for no JSON object, and what `readText` does
 */
export async function readObject(
  request: BodySource,
  limit: BodyLimit,
  { read, pace }: { readonly read?: string | undefined; readonly pace?: BodyPace | undefined } = {},
): Promise<Record<string, Json>> {
  const type = request.header("content-type");
  if (type !== undefined && !/^application\/(?:[\w.+-]+\+)?json\b/i.test(type)) {
    throw invalid(`content type is "${type}", not "application/json"`);
  }
  const text = read ?? (await readText(request, limit, pace));
  if (text === "") return {};
  const value = parse(text);
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw invalid("it is not a JSON object");
  }
  return value;
}

/** What is wrong is not quoted, as the engine does: there may be a key in it. */
function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    const [place = ""] = / at position \d+/.exec((error as Error).message) ?? [];
    throw new OpenAgentsError("INVALID", `Cannot parse body: it is not JSON${place}`);
  }
}

/** How long a body may take to come. */
export interface BodyPace {
  readonly clock: Pick<Clock, "after">;
  /** The longest for all of it, ms. */
  readonly time: number;
}

/** Half a minute: a body of JSON that takes longer is held back on purpose, or will never be whole. */
export const BODY_PACE: BodyPace = { clock: systemClock, time: 30_000 };

/**
 * The text of a body. @throws LIMIT beyond `limit`; TIMEOUT (408) when it takes too long; INVALID for what is
 * no UTF-8, and when it is cut off
 */
export async function readText(
  request: BodySource,
  limit: BodyLimit,
  { clock, time }: BodyPace = BODY_PACE,
): Promise<string> {
  const bytes = await readRaw(request.raw, { clock, time, ...limit });
  try {
    // What is no UTF-8 would be taken for other text, of which the sender knows nothing.
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw invalid("it is not UTF-8");
  }
}

function invalid(problem: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot read body: ${problem}`);
}

/** A body that fits its schema. @throws INVALID naming the first field that does not */
export function checkBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const { issues } = result.error;
  const issue = issues.find(({ code }) => code === "unrecognized_keys") ?? issues[0];
  throw invalid(issue === undefined ? "it does not fit" : problemOf(issue, schema));
}

/** What is wrong, without the value: there may be a key in it. */
function problemOf(issue: z.core.$ZodIssue, schema: z.ZodType): string {
  if (issue.code === "unrecognized_keys") {
    const known = schema instanceof z.ZodObject && issue.path.length === 0 ? schema.shape : {};
    const names = Object.keys(known).join(", ");
    const field = JSON.stringify([...issue.path, issue.keys[0] ?? ""].join("."));
    return `unknown field ${field}${names === "" ? "" : `, known are ${names}`}`;
  }
  if (issue.path.length === 0) return issue.message;
  const field = JSON.stringify(issue.path.join("."));
  if (issue.code === "custom") return `${field}: ${issue.message}`;
  if (issue.message.includes("received undefined")) return `${field} is missing`;
  return `${field} must be ${needOf(issue)}`;
}

function needOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return KINDS[issue.expected] ?? issue.expected;
    case "invalid_value":
      return issue.values.length === 1
        ? JSON.stringify(issue.values[0])
        : `one of ${issue.values.map(String).join(", ")}`;
    case "too_small":
      return issue.origin === "string"
        ? `text of ${issue.minimum} characters or more`
        : `${issue.minimum} or more`;
    case "too_big":
      return issue.origin === "string"
        ? `text of at most ${issue.maximum} characters`
        : `at most ${issue.maximum}`;
    case "invalid_format":
      return `text of the form ${issue.pattern ?? issue.format}`;
    default:
      return `something else (${issue.message})`;
  }
}

/** What the kinds of values are called. */
const KINDS: Readonly<Record<string, string>> = {
  string: "text",
  number: "a whole number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object whose values are text",
};
