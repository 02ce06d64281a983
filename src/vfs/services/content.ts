import { FileError } from "../../core/file-error.ts";
import type { Json } from "../../core/json.ts";
import { checkJson } from "../../core/json.ts";
import { bytesOf, textOf } from "../nodes.ts";
import type { FileNode, NodeFacts } from "../nodes.ts";

/** Media types of what the services give. */
export const JSON_TYPE = "application/json";
export const LINES_TYPE = "application/x-ndjson";
export const TEXT_TYPE = "text/plain; charset=utf-8";

/** What is said of a file beside its content. */
type MoreFacts = () => Promise<NodeFacts> | NodeFacts;

/** A value as the text that people and `jq` read. */
export function pretty(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** A value as one line of JSON. */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

/** A file that is read as JSON. */
export function jsonFile(read: () => unknown, facts: MoreFacts = () => ({})): FileNode {
  return {
    read: async () => pretty(await read()),
    facts: async () => ({ type: JSON_TYPE, ...(await facts()) }),
  };
}

/** A file that is read as text, whose last line ends as every other one. */
export function textFile(read: () => Promise<string> | string): FileNode {
  return { read, facts: () => ({ type: TEXT_TYPE }) };
}

/** Size and type of a text that is given as a part of a listing. */
export function sizeOf(text: string, modifiedAt?: number): NodeFacts {
  return {
    type: JSON_TYPE,
    size: bytesOf(text).byteLength,
    ...(modifiedAt !== undefined && { modifiedAt }),
  };
}

/** The error for what cannot be kept; `what` names the file. */
export function refused(what: string, why: string): FileError {
  return new FileError("EINVAL", `Cannot write ${what}: ${why}`);
}

/** What is written, as JSON. @throws EINVAL saying what is wrong with it */
export function parsed(data: Uint8Array, what: string): Json {
  const text = textOf(data, what);
  try {
    const value: unknown = JSON.parse(text);
    checkJson(value, "it");
    return value;
  } catch (error) {
    throw refused(what, `it must be JSON: ${(error as Error).message}`);
  }
}

/**
 * What is written, as an object of JSON. `known`: the members that it may have; default: any.
 * @throws EINVAL saying what is wrong with it
 */
export function parsedObject(
  data: Uint8Array,
  what: string,
  known?: readonly string[],
): Readonly<Record<string, Json>> {
  const value = parsed(data, what);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw refused(what, "it must be an object, { … }");
  }
  const other = known && Object.keys(value).find((member) => !known.includes(member));
  if (other !== undefined) {
    throw refused(what, `there is no ${JSON.stringify(other)}, there are: ${known!.join(", ")}`);
  }
  return value;
}

/** What is written, as text without the line end that `echo` adds. @throws EINVAL for what is no UTF-8 */
export function spoken(data: Uint8Array, what: string): string {
  return textOf(data, what).replace(/\n$/, "");
}

/** What is written, as its lines that are not empty. @throws EINVAL for what is no UTF-8 */
export function linesOf(data: Uint8Array, what: string): readonly string[] {
  return textOf(data, what)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}
