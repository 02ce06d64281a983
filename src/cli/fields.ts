import type { Output } from "./output.ts";

/** Prints the members of an object, one a line, or as JSON. Those that are undefined are left out. */
export function printFields(out: Output, object: object): void {
  if (out.json) {
    out.document(object);
    return;
  }
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  const width = Math.max(...entries.map(([key]) => key.length));
  for (const [key, value] of entries) {
    const text = show(out, key, value);
    out.print(`${key.padEnd(width)}  ${text}`, key === "status" ? text : undefined);
  }
}

function show(out: Output, key: string, value: unknown): string {
  if (typeof value === "number" && key.endsWith("At")) return out.time(value);
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(String).join(", ") || "none";
  return JSON.stringify(value);
}
