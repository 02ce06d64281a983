import type { AgentDefinition, RuntimeDefinition } from "./definition.ts";
import { sha256Hex } from "./hash.ts";

/** How deep what a definition has is looked into. */
const DEPTH = 8;

/**
 * A short hash of the code that a definition is made of: sources of functions, and values as they are. The
 * same code gives the same one in every process; what a function uses from outside of itself is not seen.
 * An object of a class counts by its class, and by `provider` and `modelId` where it has them.
 */
export function codeRevision(parts: unknown): string {
  return sha256Hex(textOf(parts, DEPTH)).slice(0, 8);
}

/**
 * The definition with `code` in the revision of each agent that was given none: what says which code it is that
 * the hooks call and import.
 */
export function revisedBy(definition: RuntimeDefinition, code: string): RuntimeDefinition {
  const agents = [...definition.agents].map(([name, agent]): [string, AgentDefinition] => {
    if (agent.revisionGiven) return [name, agent];
    return [name, { ...agent, revision: codeRevision([agent.revision, code]) }];
  });
  return { ...definition, agents: new Map(agents) };
}

function textOf(part: unknown, depth: number): string {
  if (typeof part === "function") return Function.prototype.toString.call(part);
  if (typeof part === "bigint" || typeof part === "symbol") return part.toString();
  if (typeof part !== "object" || part === null) return JSON.stringify(part) ?? "undefined";
  if (depth === 0) return "…";
  const inside = (one: unknown): string => textOf(one, depth - 1);
  if (Array.isArray(part)) return `[${part.map(inside).join()}]`;
  const prototype: unknown = Object.getPrototypeOf(part);
  if (prototype !== Object.prototype && prototype !== null) {
    const { provider, modelId } = part as {
      readonly provider?: unknown;
      readonly modelId?: unknown;
    };
    const name = (part.constructor as { readonly name?: string } | undefined)?.name;
    return `${name}(${[provider, modelId].filter((one) => typeof one === "string").join("/")})`;
  }
  const members = Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, one]) => `${JSON.stringify(key)}:${inside(one)}`).join()}}`;
}
