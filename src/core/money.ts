/** Whole micro-USD of dollars written as text, such as `"1.00"`; undefined for what is none. */
export function microUsd(dollars: unknown): number | undefined {
  const match = typeof dollars === "string" ? /^(\d{1,9})(?:\.(\d{1,6}))?$/.exec(dollars) : null;
  if (match === null) return undefined;
  return Number(match[1]) * 1_000_000 + Number((match[2] ?? "").padEnd(6, "0"));
}

/** Dollars as text, with two decimals at least: `"0.0125"`. */
export function usdText(micro: number): string {
  const decimals = String(micro % 1_000_000).padStart(6, "0");
  return `${Math.floor(micro / 1_000_000)}.${decimals.slice(0, 2)}${decimals.slice(2).replace(/0+$/, "")}`;
}
