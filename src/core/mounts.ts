import { durationText } from "./duration.ts";
import type { OptionsCheck } from "./options.ts";
import type { Access, MountBudget, MountEntry } from "./ports/files.ts";

/** The levels of access that a mount may have. */
export const LEVELS: readonly Access[] = [
  "read-only",
  "read-write",
  "sign-only",
  "budgeted",
  "disabled",
];

/** How many mounts an agent may have. */
export const MOST_MOUNTS = 1000;

/** A part of a mount's path: with no white space, by which the parts of a table are told apart. */
const PART = /^(?!\.{1,2}$)[^/\s\p{C}]{1,255}$/u;

/** True for where a mount may be: `/fs/` and more, or `/tools/` and more. */
export function isMountPath(path: unknown): path is string {
  if (typeof path !== "string" || !path.isWellFormed() || path.length > 1000) return false;
  const [root, top, ...parts] = path.split("/");
  const placed = root === "" && (top === "fs" || top === "tools") && parts.length > 0;
  return placed && parts.every((part) => PART.test(part));
}

/** True for the name that a kind of mount may have. */
function isMountKind(kind: unknown): kind is string {
  return typeof kind === "string" && /^[a-z][a-z0-9-]{0,62}$/.test(kind);
}

/** True for a budget: a number of writes in a time above 0. */
export function isBudget({ writes, per }: MountBudget): boolean {
  return Number.isSafeInteger(writes) && writes >= 0 && Number.isSafeInteger(per) && per > 0;
}

/** True for a mount in all its parts, wherever it comes from. */
export function isMountEntry(value: unknown): value is MountEntry {
  if (typeof value !== "object" || value === null) return false;
  const { path, kind, source, access, budget } = value as Partial<MountEntry>;
  if (!isMountPath(path) || !isMountKind(kind)) return false;
  if (typeof source !== "string" || /[\r\n]/.test(source)) return false;
  if (!LEVELS.some((level) => level === access)) return false;
  if (access !== "budgeted") return budget === undefined;
  return typeof budget === "object" && budget !== null && isBudget(budget);
}

/** The mounts that a definition gives its agents, by path. */
export function checkMounts(check: OptionsCheck, given: unknown): readonly MountEntry[] {
  if (!Array.isArray(given)) return check.refuse('"mounts" must be a list');
  if (given.length > MOST_MOUNTS) {
    check.refuse(`"mounts" has ${given.length} mounts, ${MOST_MOUNTS} are the most`);
  }
  const taken = new Set<string>();
  const mounts = (given as readonly MountEntry[]).map((entry, i) => {
    const where = `mounts[${i}]`;
    const { path, kind, source, access, budget } = check.members(
      entry,
      ["path", "kind", "source", "access", "budget"],
      where,
    );
    if (!isMountPath(path)) {
      check.refuse(`"${where}.path" must be a path below /fs/ or /tools/ with no white space`);
    }
    if (taken.has(path)) check.refuse(`"${where}.path": there is a mount at "${path}"`);
    taken.add(path);
    if (!isMountKind(kind)) check.refuse(`"${where}.kind" must be a word, such as "scratch"`);
    if (typeof source !== "string" || /[\r\n]/.test(source)) {
      check.refuse(`"${where}.source" must be text of one line`);
    }
    check.word(`${where}.access`, access, LEVELS);
    const of = `${where}.budget`;
    if (budget === undefined) {
      if (access === "budgeted") check.refuse(`"${of}" is missing: so many writes in so many ms`);
      return { path, kind, source, access };
    }
    if (access !== "budgeted") check.refuse(`"${of}" is for access "budgeted" alone`);
    check.members(budget, ["writes", "per"], of);
    if (!isBudget(budget)) check.refuse(`"${of}" must be whole numbers, "per" above 0 ms`);
    return { path, kind, source, access, budget: { writes: budget.writes, per: budget.per } };
  });
  return mounts.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** A mount as one line of a table: `path kind access source`; a budget follows its level. */
export function mountLine(entry: MountEntry): string {
  return `${entry.path} ${entry.kind} ${levelText(entry)} ${entry.source}`.trimEnd();
}

/** The kind of mount that a line of a table names. */
export function kindIn(line: string): string {
  return line.split(" ")[1] ?? "";
}

/** A level of access with its budget, as it is written. */
export function levelText({ access, budget }: Pick<MountEntry, "access" | "budget">): string {
  return budget === undefined ? access : `${access}:${budget.writes}/${durationText(budget.per)}`;
}
