import type { Access } from "../core/ports/index.ts";

/** What somebody wants to do with a file. */
export type Act = "read" | "write" | "exchange";

/** What each level of access lets through: the one table of it. */
export const ACCESS: Readonly<Record<Access, (act: Act, name: string) => boolean>> = {
  "read-only": (act) => act === "read",
  "read-write": () => true,
  /** What a key signs, and nothing else that it could do. */
  "sign-only": (act, name) => act === "read" || (act === "exchange" && name === "sign"),
  /** Each write and each exchange is counted, and refused (EDQUOT) beyond the mount's budget. */
  budgeted: () => true,
  /** It is there, and nobody gets at it. */
  disabled: () => false,
};

/** The levels, each of which lets through no more than the ones before it. */
const FALLING: readonly Access[] = ["read-write", "budgeted", "sign-only", "read-only", "disabled"];

/** True for a level of access. */
export function isAccess(level: unknown): level is Access {
  return typeof level === "string" && Object.hasOwn(ACCESS, level);
}

/** The lower one of two levels. */
export function lower(a: Access, b: Access): Access {
  return FALLING.indexOf(a) > FALLING.indexOf(b) ? a : b;
}
