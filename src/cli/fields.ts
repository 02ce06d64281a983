import type { Amount, Budget, Spent } from "../core/budget.ts";
import { usdText } from "../core/money.ts";
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
  if (key === "spent") return spentText(value as Spent);
  if (key === "budget") return `${amountText((value as Budget).perDay)} a day`;
  return JSON.stringify(value);
}

function spentText({ day, today, given, total, unpriced }: Spent): string {
  const theirs = given === undefined ? "" : ` and ${amountText(given)} by children that ended`;
  const text = `${amountText(today)}${theirs} on ${day} (UTC), ${amountText(total)} in all`;
  return unpriced === 0 ? text : `${text}, without the price of ${unpriced} steps`;
}

/** Money and tokens as people read them. */
function amountText({ usd, tokens }: Amount): string {
  const parts = [
    usd !== undefined && `$${usdText(usd)}`,
    tokens !== undefined && `${tokens} tokens`,
  ];
  return parts.filter((part) => part !== false).join(" and ");
}
