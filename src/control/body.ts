import type { Json } from "../core/json.ts";
import { OpenAgentsError } from "../core/errors.ts";

/** The part of a request that a body is read from. */
interface BodySource {
  header(name: string): string | undefined;
  arrayBuffer(): Promise<ArrayBuffer>;
  readonly raw: Request;
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
 * The JSON object in a request's body, `{}` for no body.
 * @throws LIMIT beyond `limit`; INVALID for another content type, what is no UTF-8 or no
 * JSON object
 */
export async function readObject(
  request: BodySource,
  limit: BodyLimit,
): Promise<Record<string, Json>> {
  const type = request.header("content-type");
  if (type !== undefined && !/^application\/(?:[\w.+-]+\+)?json\b/i.test(type)) {
    throw invalid(`content type is "${type}", not "application/json"`);
  }
  const text = await readText(request, limit);
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

async function readText(request: BodySource, limit: BodyLimit): Promise<string> {
  // What is no UTF-8 would be taken for other text, of which the sender knows nothing.
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decode = (bytes?: ArrayBuffer | Uint8Array, stream = false): string => {
    try {
      return decoder.decode(bytes, { stream });
    } catch {
      throw invalid("it is not UTF-8");
    }
  };
  const length = request.header("content-length");
  if (length !== undefined) {
    if (Number(length) > limit.bytes) throw tooLarge(limit);
    return decode(await request.arrayBuffer());
  }
  const stream = request.raw.body;
  if (stream === null) return "";
  // Sent in chunks of unknown number: count them.
  const reader = stream.getReader();
  let text = "";
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text + decode();
      size += value.byteLength;
      if (size > limit.bytes) throw tooLarge(limit);
      text += decode(value, true);
    }
  } catch (error) {
    void reader.cancel().catch(() => {});
    throw error;
  }
}

function tooLarge({ bytes, setBy }: BodyLimit): OpenAgentsError {
  return new OpenAgentsError(
    "LIMIT",
    `Cannot read body: it is larger than ${bytes} bytes (${setBy})`,
  );
}

function invalid(problem: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot read body: ${problem}`);
}

/** What a field of a body must be. */
export type FieldKind = "text" | "whole number" | "object of texts" | "any JSON";

/**
 * Checks a body against its table of fields.
 * @throws INVALID naming the first field that is unknown or of the wrong kind
 */
export function checkFields(
  body: Record<string, Json>,
  fields: Readonly<Record<string, FieldKind>>,
): void {
  for (const [name, value] of Object.entries(body)) {
    const kind = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (kind === undefined) {
      throw invalid(`unknown field "${name}", known are ${Object.keys(fields).join(", ")}`);
    }
    if (!fits(value, kind)) throw invalid(`"${name}" must be ${ARTICLES[kind]}`);
  }
}

const ARTICLES = {
  text: "text",
  "whole number": "a whole number",
  "object of texts": "an object whose values are text",
  "any JSON": "JSON",
} as const satisfies Record<FieldKind, string>;

function fits(value: Json, kind: FieldKind): boolean {
  if (kind === "any JSON") return true;
  if (kind === "text") return typeof value === "string";
  if (kind === "whole number") return Number.isSafeInteger(value);
  return (
    value !== null &&
    typeof value === "object" &&
    !Array.isArray(value) &&
    Object.values(value).every((member) => typeof member === "string")
  );
}

/** A required text field. @throws INVALID when it is absent */
export function requireText(body: Record<string, Json>, name: string): string {
  const value = body[name];
  if (typeof value !== "string" || value === "") throw invalid(`"${name}" is missing`);
  return value;
}
