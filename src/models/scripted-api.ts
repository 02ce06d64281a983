import type { Json } from "../core/json.ts";
import type { Piece, Played, ScriptedAsk } from "./script.ts";

/** The body of a request, as it came: nothing of it is checked. */
export type Body = Readonly<Record<string, Json>>;

/** One API of a provider, as the scripted server speaks it. */
export interface ScriptedApi {
  /** How the paths end that it is asked at. */
  readonly path: string;
  /** What was asked, whoever wrote the body. */
  readonly ask: (body: Body, n: number) => ScriptedAsk;
  /** The parts of a stream. */
  readonly writer: (played: Played, body: Body, n: number) => ScriptedWriter;
  /** An answer in one piece. */
  readonly whole: (played: Played, body: Body, n: number) => object;
  /** What stands in the body of an error. */
  readonly refusal: (status: number, message: string) => object;
  /** An event that is no JSON. */
  readonly malformed: string;
}

/** Writes the events of one stream, as text. */
export interface ScriptedWriter {
  readonly begin: () => string;
  readonly piece: (piece: Piece) => string;
  readonly end: () => string;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The objects of a list; of anything else there are none. */
export function objectsOf(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

export function stringOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A text, or that of the parts of a list, a line for each. */
export function textIn(content: unknown): string {
  if (typeof content === "string") return content;
  return objectsOf(content)
    .flatMap(({ text }) => (typeof text === "string" ? [text] : []))
    .join("\n");
}

/** The model that was asked for. */
export function modelIn(body: Body): string {
  return typeof body["model"] === "string" ? body["model"] : "scripted";
}
