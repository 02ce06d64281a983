import type { AgentRecord } from "../core/agent.ts";
import { toMs } from "../core/duration.ts";
import { errnoOf, FileError } from "../core/file-error.ts";
import {
  isBudget,
  isMountPath,
  LEVELS,
  levelText,
  MOST_MOUNTS,
  mountLine,
} from "../core/mounts.ts";
import type { Access, MountBudget, MountEntry } from "../core/ports/index.ts";
import { isAccess, lower } from "./access.ts";
import type { MountChanges } from "./agent-mounts.ts";
import type { MountKinds } from "./mount-kind.ts";

/** Whose mounts are changed, and by whom. */
export interface MountChanger {
  readonly agent: AgentRecord;
  readonly kinds: MountKinds;
  /** The agent's own code: it takes away and lowers, and gives itself nothing. */
  readonly lowersOnly: boolean;
}

/** The table of mounts: a line for each, `path kind access source`. */
export function mountTable(mounts: Iterable<MountEntry>): string {
  return [...mounts].map((entry) => `${mountLine(entry)}\n`).join("");
}

/** Where mounts are, and of which kind, by such a table. */
export function mountsIn(table: string): readonly Pick<MountEntry, "path" | "kind">[] {
  return table
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [path = "", kind = ""] = line.split(" ");
      return { path, kind };
    });
}

/**
 * What commands change of mounts, one a line, each after the one before it:
 *
 * ```
 * mount <path> <kind> <access> <source>
 * unmount <path>
 * access <path> <level>
 * ```
 *
 * A level is a word of `Access`; `budgeted:100/1h` is so many writes in so long.
 * @throws EINVAL, EACCES, EEXIST, ENOENT for the first line that cannot be done
 */
export function mountChanges(
  lines: readonly string[],
  now: ReadonlyMap<string, MountEntry>,
  changer: MountChanger,
): MountChanges {
  const mounts = new Map(now);
  const changes = new Map<string, MountEntry | null>();
  for (const line of lines) {
    const [path, entry] = changeOf(line, mounts, changer);
    changes.set(path, entry);
    if (entry === null) mounts.delete(path);
    else mounts.set(path, entry);
  }
  if (mounts.size > MOST_MOUNTS) {
    throw new FileError("EDQUOT", `Cannot mount: an agent has at most ${MOST_MOUNTS} mounts`);
  }
  return changes;
}

/** Commands with the sources of what they mount as these are to be kept: see `MountKind.settle`. */
export async function settled(lines: readonly string[], kinds: MountKinds): Promise<string> {
  const kept: string[] = [];
  for (const line of lines) {
    const [, head = "", kind = "", level = "", source = ""] = MOUNT.exec(line) ?? [];
    const settle = Object.hasOwn(kinds, kind) ? kinds[kind]?.settle : undefined;
    kept.push(
      settle === undefined ? line : `mount ${head} ${kind} ${level} ${await settle(source)}`,
    );
  }
  return kept.map((line) => `${line}\n`).join("");
}

const MOUNT = /^mount\s+(\S+)\s+(\S+)\s+(\S+)(?:\s+(.*))?$/;

function changeOf(
  line: string,
  mounts: ReadonlyMap<string, MountEntry>,
  changer: MountChanger,
): readonly [string, MountEntry | null] {
  const [verb = "", path = "", ...rest] = line.split(/\s+/);
  const there = mounts.get(path);
  if (verb === "mount") return [path, added(line, there, changer)];
  if (verb !== "unmount" && verb !== "access") {
    throw wrong(line, 'a line begins with "mount", "unmount" or "access"');
  }
  if (there === undefined) throw refuse("ENOENT", line, `there is no mount at "${path}"`);
  if (verb === "unmount") {
    if (rest.length > 0) throw wrong(line, "it names one path");
    return [path, null];
  }
  const [level = "", ...more] = rest;
  if (more.length > 0) throw wrong(line, "it names one path and one level");
  const next = withLevel(there, levelIn(line, level));
  if (changer.lowersOnly && !isLower(there, next)) {
    throw refuse("EACCES", line, `it has ${levelText(there)} now, and may lower that only`);
  }
  return [path, next];
}

function added(line: string, there: MountEntry | undefined, changer: MountChanger): MountEntry {
  const { kinds, agent, lowersOnly } = changer;
  if (lowersOnly) throw refuse("EACCES", line, "an agent gives itself no mounts");
  const parts = MOUNT.exec(line);
  if (parts === null) throw wrong(line, "it is: mount <path> <kind> <access> <source>");
  const [, path = "", kind = "", level = "", source = ""] = parts;
  if (!isMountPath(path)) throw wrong(line, "the path must be below /fs/ or /tools/");
  if (there !== undefined) throw refuse("EEXIST", line, `there is a mount at "${path}"`);
  const make = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (make === undefined) {
    const known = Object.keys(kinds).join(", ");
    throw wrong(line, `there is no kind "${kind}" here, there are: ${known}`);
  }
  try {
    make(source, { agent, path });
  } catch (error) {
    const denied = errnoOf(error) === "EACCES";
    throw refuse(denied ? "EACCES" : "EINVAL", line, (error as Error).message);
  }
  return withLevel({ path, kind, source, access: "disabled" }, levelIn(line, level));
}

/** A level with what belongs to it. */
interface Level {
  readonly access: Access;
  readonly budget?: MountBudget;
}

function levelIn(line: string, text: string): Level {
  const [access = "", ...budget] = text.split(":");
  if (!isAccess(access)) {
    throw wrong(line, `"${text}" is no level, there are: ${LEVELS.join(", ")}`);
  }
  if (access !== "budgeted") {
    if (budget.length > 0) throw wrong(line, `only "budgeted" has a budget`);
    return { access };
  }
  const [, writes, per] = /^(\d{1,15})\/(\w+)$/.exec(budget.join(":")) ?? [];
  if (writes === undefined || per === undefined) {
    throw wrong(line, "a budget is so many writes in so long: budgeted:100/1h");
  }
  const given = { writes: Number(writes), per: timeIn(line, per) };
  if (!isBudget(given)) throw wrong(line, "its time must be above 0");
  return { access, budget: given };
}

function timeIn(line: string, text: string): number {
  try {
    return toMs(/^\d+$/.test(text) ? Number(text) : text);
  } catch (error) {
    throw wrong(line, (error as Error).message);
  }
}

function withLevel({ path, kind, source }: MountEntry, level: Level): MountEntry {
  return { path, kind, source, ...level };
}

/** True where what is mounted is the same, at whatever level. */
export function isSameSource(now: MountEntry, next: MountEntry): boolean {
  return now.kind === next.kind && now.source === next.source;
}

/** True where `next` lets nothing through that `now` does not. */
export function isLower(now: MountEntry, next: MountEntry): boolean {
  if (!isSameSource(now, next)) return false;
  if (lower(now.access, next.access) !== next.access) return false;
  // What is signed is not counted there.
  if (now.access === "budgeted" && next.access === "sign-only") return false;
  if (now.budget === undefined || next.budget === undefined) return true;
  return next.budget.writes <= now.budget.writes && next.budget.per >= now.budget.per;
}

function wrong(line: string, why: string): FileError {
  return refuse("EINVAL", line, why);
}

function refuse(
  errno: "EINVAL" | "EACCES" | "EEXIST" | "ENOENT",
  line: string,
  why: string,
): FileError {
  return new FileError(errno, `Cannot do ${JSON.stringify(line.slice(0, 200))}: ${why}`);
}
