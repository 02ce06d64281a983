import { OpenAgentsError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import type { FileRead, FilesRead, MemoryTools, NotedRead } from "../core/ports/memory.ts";
import { paths } from "../core/tree.ts";
import type { MemoryLimits } from "./limits.ts";
import type { Turns } from "./turns.ts";

const LONGEST = { path: 2000, digest: 200, summary: 2000 } as const;
const PAGE = 1000;
/** Of so many one goes when there are too many, so that not each new one has to look through all. */
const SHARE = 16;

/** What one agent has read elsewhere: a file for each, `memory/read/<id>`, as JSON. */
export function filesRead(
  { files, now }: MemoryTools,
  { limits, turns }: { readonly limits: MemoryLimits; readonly turns: Turns },
): FilesRead {
  const read = async (id: string): Promise<FileRead | undefined> => {
    const text = await files.read(paths.readOne(id));
    return text === undefined ? undefined : (JSON.parse(text) as FileRead);
  };
  const page = async (after: string | undefined, limit: number): Promise<readonly FileRead[]> => {
    const rows = await files.list({ prefix: paths.read, after, limit });
    return rows.map(({ value }) => JSON.parse(value) as FileRead);
  };
  const count = async (): Promise<number> => Number((await files.read(paths.readCount)) ?? 0);
  const counted = (number: number): void => files.write(paths.readCount, String(number));
  /** Has room for one more: what was not read for the longest time goes. */
  const makeRoom = async (): Promise<void> => {
    const known = await count();
    if (known < limits.read) return counted(known + 1);
    const every: FileRead[] = [];
    for (let after: string | undefined; ;) {
      const some = await page(after, PAGE);
      every.push(...some);
      if (some.length < PAGE) break;
      after = paths.readOne(some.at(-1)!.id);
    }
    every.sort((a, b) => a.readAt - b.readAt);
    const left = limits.read - Math.max(Math.floor(limits.read / SHARE), 1);
    const gone = every.slice(0, Math.max(every.length - left, 0));
    for (const { id } of gone) files.remove(paths.readOne(id));
    counted(every.length - gone.length + 1);
  };

  return {
    note: (path, facts = {}) =>
      turns(async () => {
        checkPath(path);
        check(facts);
        const id = idOf(path);
        const known = await read(id);
        if (known === undefined) await makeRoom();
        const noted = merged(known, facts);
        const file = { id, path, ...noted, readAt: now(), reads: (known?.reads ?? 0) + 1 };
        files.write(paths.readOne(id), JSON.stringify(file));
        return file;
      }),
    async get(path) {
      return read(idOf(path));
    },
    list: ({ after, limit = 100 } = {}) =>
      page(
        after === undefined ? undefined : paths.readOne(idOf(after)),
        Math.min(Math.max(limit, 1), PAGE),
      ),
    forget: (path) =>
      turns(async () => {
        const id = idOf(path);
        if ((await read(id)) === undefined) return;
        files.remove(paths.readOne(id));
        counted((await count()) - 1);
      }),
  };
}

/** Of what is no path, it is that of none. */
function idOf(path: unknown): string {
  return sha256Hex(typeof path === "string" ? path : "").slice(0, 16);
}

/** What was known and is noted now, without what is taken away or was said of another content. */
function merged(
  known: FileRead | undefined,
  facts: NotedRead,
): Pick<FileRead, "digest" | "size" | "summary"> {
  const isOther = typeof facts.digest === "string" && facts.digest !== known?.digest;
  const before: NotedRead = known === undefined || isOther ? {} : known;
  const { digest = before.digest, size = before.size, summary = before.summary } = facts;
  return {
    ...(typeof digest === "string" && { digest }),
    ...(typeof size === "number" && { size }),
    ...(typeof summary === "string" && { summary }),
  };
}

function checkPath(path: unknown): void {
  const good =
    typeof path === "string" &&
    path !== "" &&
    path.length <= LONGEST.path &&
    path.isWellFormed() &&
    !/\p{Cc}/u.test(path);
  if (good) return;
  throw invalid(
    `"path" must be text of 1 to ${LONGEST.path} characters, none of them a control character`,
  );
}

/** @throws INVALID for a field that cannot be kept */
function check({ size, ...texts }: NotedRead): void {
  if (size !== undefined && size !== null && !(Number.isSafeInteger(size) && size >= 0)) {
    throw invalid('"size" must be a number of bytes');
  }
  for (const field of ["digest", "summary"] as const) {
    const text: unknown = texts[field];
    if (text === undefined || text === null) continue;
    const longest = LONGEST[field];
    if (typeof text !== "string" || text === "" || text.length > longest || !text.isWellFormed()) {
      throw invalid(`"${field}" must be text of 1 to ${longest} characters`);
    }
  }
}

function invalid(problem: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot note what was read: ${problem}`);
}
