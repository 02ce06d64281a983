import { plainWithin } from "./plain.ts";

/** Characters of JSON that stands for an error without a text. */
const LONGEST = 10_000;
const NO_TEXT = "Something was thrown that has no text";

/** The text of whatever was thrown, or of what a provider sent as an error. Never throws. */
export function messageOf(error: unknown): string {
  try {
    if (typeof error !== "object" || error === null) return String(error);
    const { message, error: inner } = error as {
      readonly message?: unknown;
      readonly error?: unknown;
    };
    if (typeof message === "string" && message !== "") return message;
    if (inner !== undefined && inner !== error) return messageOf(inner);
    const text: unknown =
      error instanceof Error ? error.name : JSON.stringify(plainWithin(error, LONGEST).value);
    return typeof text === "string" ? text : NO_TEXT;
  } catch {
    return NO_TEXT;
  }
}
