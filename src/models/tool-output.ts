import type { JSONValue, LanguageModelV4ToolResultOutput } from "@ai-sdk/provider";
import { byteLength } from "../core/byte-length.ts";
import { OpenAgentsError } from "../core/errors.ts";
import { messageOf } from "./message-of.ts";
import { plain, plainWithin } from "./plain.ts";
import type { Secrets } from "./secrets.ts";

/** What bounds the result of a tool, and what is taken out of it. */
export interface OutputRules {
  readonly secrets: Secrets;
  /** Bytes of text that the model is told. */
  readonly limit: number;
}

/** Characters of an error. */
const ERROR_LENGTH = 2_000;
/** Characters beyond the limit that are looked at, so that a note can say how much was left out. */
const SPARE = 65_536;
/** Base64 characters of pictures and other files in one result, all together. */
const FILES_SIZE = 4 * 1024 * 1024;
/** Parts of one result. */
const MOST_PARTS = 1_000;

type Part = Extract<LanguageModelV4ToolResultOutput, { type: "content" }>["value"][number];

/**
 * What a tool gave, as the model is told it: text as text, all else as JSON, or as text when there is more of that than
 * fits. However much it gave, little more is looked at than what the model is told.
 */
export function outputFor(value: unknown, rules: OutputRules): LanguageModelV4ToolResultOutput {
  if (value === undefined) return { type: "text", value: "Done" };
  if (typeof value === "string") return { type: "text", value: textWithin(value, rules) };
  return jsonWithin(value, rules);
}

/** The same for an error. */
export function errorOutput(error: unknown, secrets: Secrets): LanguageModelV4ToolResultOutput {
  const text = messageOf(error);
  const head = secrets.cleanHead(text, ERROR_LENGTH + 3 * secrets.longest + SPARE);
  return { type: "error-text", value: head.slice(0, ERROR_LENGTH).toWellFormed() };
}

/**
 * What `toModelOutput` of a tool gave: an output as the AI SDK has it, within the same bounds. Of files there may be
 * 4 MiB of Base64 together; a text says which were left out.
 * @throws INVALID for what is no output
 */
export function givenOutput(given: unknown, rules: OutputRules): LanguageModelV4ToolResultOutput {
  const { type, value, reason } = (given ?? {}) as Readonly<Record<string, unknown>>;
  switch (type) {
    case "text":
      return { type, value: textWithin(textOf(value), rules) };
    case "error-text":
      return { type, value: textWithin(textOf(value), rules) };
    case "json":
      return jsonWithin(value, rules);
    case "error-json": {
      const output = jsonWithin(value, rules);
      return output.type === "json"
        ? { type, value: output.value }
        : { type: "error-text", value: output.value };
    }
    case "execution-denied":
      return { type, reason: textWithin(textOf(reason), rules) };
    case "content":
      return { type, value: partsWithin(value, rules) };
    default:
      throw new OpenAgentsError("INVALID", `"toModelOutput" gave no output of the AI SDK`);
  }
}

function jsonWithin(
  value: unknown,
  { secrets, limit }: OutputRules,
): { readonly type: "json"; readonly value: JSONValue } | { type: "text"; value: string } {
  const { value: json, isCut } = plainWithin(value, limit + SPARE + 3 * secrets.longest);
  const cleaned = secrets.cleanJson(json);
  const text = JSON.stringify(cleaned);
  if (!isCut && byteLength(text) <= limit) return { type: "json", value: cleaned as JSONValue };
  if (!isCut) return { type: "text", value: cut(text, limit) };
  // What stands last may be the beginning of a secret.
  const head = text.slice(0, Math.max(0, text.length - 2 * secrets.longest));
  return { type: "text", value: `${headOf(head, limit)}\n[cut: the rest is left out]` };
}

function textWithin(text: string, { secrets, limit }: OutputRules): string {
  const size = limit + SPARE + 3 * secrets.longest;
  const head = secrets.cleanHead(text, size).toWellFormed();
  return cut(head, limit, text.length > size ? text.slice(head.length) : "");
}

function partsWithin(given: unknown, rules: OutputRules): Part[] {
  const parts: Part[] = [];
  let { limit } = rules;
  let files = FILES_SIZE;
  for (const one of (Array.isArray(given) ? given : []).slice(0, MOST_PARTS) as unknown[]) {
    const part = (typeof one === "object" && one !== null ? one : {}) as Part;
    const { type, text, mediaType, filename } = part as Readonly<Record<string, unknown>>;
    if (type === "text") {
      const told = textWithin(textOf(text), { ...rules, limit });
      limit = Math.max(0, limit - byteLength(told));
      parts.push({ type, text: told });
      continue;
    }
    const media = typeof mediaType === "string" ? mediaType.slice(0, 200) : "file";
    // One character more than fits, to see that it does not.
    const { value: data, isCut } = plainWithin(dataOf(part), files + 1);
    const size = JSON.stringify(data).length;
    if (type === "custom") {
      parts.push({ type, ...optionsOf(part, rules) });
    } else if (data === null || isCut || size > files) {
      const why = data === null ? "there is no such part" : "it is too large";
      parts.push({ type: "text", text: `[${media} left out: ${why}]` });
    } else {
      files -= size;
      const named = typeof filename === "string" && { filename: filename.slice(0, 200) };
      const file = { type: "file", mediaType: media, data, ...named };
      parts.push(rules.secrets.cleanJson(file) as unknown as Part);
    }
  }
  return parts;
}

/** The data of a file part, also of those that older tools give; null where it is none. */
function dataOf(part: object): unknown {
  const { type, data, url } = part as Readonly<Record<string, unknown>>;
  if (type === "file") return data;
  if (type === "file-data" || type === "image-data" || type === "media") {
    return { type: "data", data };
  }
  if (type === "file-url" || type === "image-url") return { type: "url", url };
  return null;
}

/** What a provider alone knows, where it is little. */
function optionsOf(part: object, { secrets }: OutputRules): object {
  const { providerOptions } = part as { readonly providerOptions?: unknown };
  const { value, isCut } = plainWithin(providerOptions, SPARE);
  if (providerOptions === undefined || isCut) return {};
  return { providerOptions: secrets.cleanJson(value) };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(plain(value));
}

/** The beginning of a text that goes on with `rest`, and how much was left out. */
function cut(text: string, limit: number, rest = ""): string {
  if (rest === "" && text.length * 3 <= limit) return text;
  const bytes = countBytes(text) + countBytes(rest);
  if (bytes <= limit) return text;
  const kept = headOf(text, limit);
  return `${kept}\n[cut: ${bytes - byteLength(kept)} of ${bytes} bytes left out]`;
}

/** As much of the beginning as has at most `limit` bytes. */
function headOf(text: string, limit: number): string {
  const head = text.slice(0, limit);
  let end = head.length;
  for (
    let over = byteLength(head) - limit;
    over > 0;
    over = byteLength(head.slice(0, end)) - limit
  ) {
    end -= Math.max(1, Math.floor(over / 3));
  }
  // No half of a character.
  return head.slice(0, end).replace(/[\ud800-\udbff]$/, "");
}

/** Bytes of a text that may be very long, without all of them in memory. */
function countBytes(text: string): number {
  let bytes = 0;
  for (let at = 0; at < text.length;) {
    let end = Math.min(at + SPARE, text.length);
    // A pair stays together.
    if (end < text.length && /[\ud800-\udbff]/.test(text[end - 1]!)) end += 1;
    bytes += byteLength(text.slice(at, end));
    at = end;
  }
  return bytes;
}
