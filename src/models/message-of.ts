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
    return error instanceof Error ? error.name : JSON.stringify(error);
  } catch {
    return "Something was thrown that has no text";
  }
}
