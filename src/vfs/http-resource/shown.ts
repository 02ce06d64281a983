import type { FileStat, Page } from "../../core/ports/index.ts";
import { checkName } from "../path.ts";

/** A page of a listing as a home sends it; undefined for anything else. */
export function pageOf(json: unknown): Page<FileStat> | undefined {
  const { items, cursor } = (json ?? {}) as { items?: unknown; cursor?: unknown };
  if (!Array.isArray(items)) return undefined;
  const stats = items.map((item: unknown) => statOf(item));
  if (!stats.every((stat) => stat !== undefined)) return undefined;
  return { items: stats, ...(typeof cursor === "string" && { cursor }) };
}

/**
 * What a home says of a file, by the name that it has here, which by default is the one it has there;
 * undefined for what is no such thing. Where a link leads is not taken over: it leads about in the other
 * tree.
 */
export function statOf(json: unknown, name?: string): FileStat | undefined {
  const given = (json ?? {}) as Partial<Record<keyof FileStat, unknown>>;
  const own = name ?? nameIn(given.name);
  const { kind, access, nature } = given;
  if (own === undefined || !isOneOf(kind, KINDS) || !isOneOf(access, ACCESSES)) return undefined;
  return {
    name: own,
    kind,
    access,
    ...(isCount(given.size) && { size: given.size }),
    ...(isCount(given.modifiedAt) && { modifiedAt: given.modifiedAt }),
    ...(isCount(given.limit) && { limit: given.limit }),
    ...(typeof given.revision === "string" && { revision: given.revision }),
    ...(typeof given.type === "string" && { type: given.type }),
    // What is there to be read can be read; more than that goes over the other ways.
    ...(nature === "stream" && { nature }),
  };
}

const KINDS = ["file", "directory", "link"] as const;
const ACCESSES = ["", "r", "w", "rw"] as const;

function isOneOf<T>(value: unknown, those: readonly T[]): value is T {
  return those.includes(value as T);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && Number.isFinite(value);
}

function nameIn(name: unknown): string | undefined {
  try {
    return typeof name === "string" ? checkName(name) : undefined;
  } catch {
    return undefined;
  }
}
