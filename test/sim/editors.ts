import { FileError } from "../../src/core/file-error.ts";
import type { FileService } from "../../src/index.ts";

/** What an editor uses of a tree. */
export type Edited = Pick<FileService, "stat" | "read" | "write" | "remove" | "rename">;

/** What is at a path; undefined for nothing. */
type Content = string | undefined;

/** Paths that one editor alone changes, with what may be there in the end, for all of them at once. */
interface Slot {
  readonly kind: Kind;
  paths: readonly string[];
  allowed: readonly (readonly Content[])[];
  /** How the last change ended is not known: it may be done yet, so nothing more is done here. */
  open: boolean;
}

type Kind = "file" | "kv" | "goal" | "alarm" | "mount";

const KINDS: readonly Kind[] = ["file", "file", "kv", "goal", "alarm", "mount"];

/** Errors that say that a change was refused; after others it may have been made, or be made yet. */
const REFUSED: ReadonlySet<string> = new Set(["ESTALE", "EEXIST", "ENOENT", "EINVAL", "EACCES"]);

/** An operator, who changes files of an agent from outside, one after the other, and knows what must come of it. */
export class Editor {
  readonly broken: string[] = [];
  readonly #name: string;
  readonly #chance: () => number;
  readonly #slots: Slot[] = [];
  /** Marks that this one has put into the shared counter, and was told so. */
  readonly #counted: string[] = [];
  readonly #tried: string[] = [];
  #count = 0;
  #told = 0;

  constructor(name: string, chance: () => number) {
    this.#name = name;
    this.#chance = chance;
  }

  /** How many it was told are made. */
  get told(): number {
    return this.#told;
  }

  /** Makes one change. */
  async edit(files: Edited): Promise<void> {
    this.#count += 1;
    const mark = `${this.#name}${this.#count}`;
    if (this.#chance() < 0.2) return this.#increment(files, mark);
    const usable = this.#slots.filter(({ open }) => !open);
    const old = usable[Math.floor(this.#chance() * usable.length)];
    if (old === undefined || this.#chance() < 0.4) return this.#make(files, mark);
    return this.#change(files, old, mark);
  }

  /** What is not as it must be. */
  async judge(files: Edited): Promise<readonly string[]> {
    const broken = [...this.broken];
    for (const { kind, paths, allowed } of this.#slots) {
      const found: Content[] = [];
      for (const path of paths) found.push(await contentOf(files, kind, path));
      const fits = allowed.some((one) => one.every((content, i) => content === found[i]));
      if (!fits) {
        broken.push(
          `${paths.join(", ")}: ${JSON.stringify(found)}, not one of ${JSON.stringify(allowed)}`,
        );
      }
    }
    const marks = await marksOf(files);
    for (const mark of this.#counted) {
      const times = marks.filter((one) => one === mark).length;
      if (times !== 1) broken.push(`mark ${mark} is counted ${times} times`);
    }
    const own = marks.filter((mark) => mark.startsWith(this.#name));
    if (new Set(own).size !== own.length) broken.push(`counted twice: ${own.join()}`);
    if (own.some((mark) => !this.#tried.includes(mark))) broken.push(`unknown: ${own.join()}`);
    return broken;
  }

  /** Adds a mark to a file that all share, if nobody else did meanwhile. */
  async #increment(files: Edited, mark: string): Promise<void> {
    const path = "/memory/kv/counter";
    const there = await files.stat(path).catch(() => undefined);
    const marks = there === undefined ? [] : await marksOf(files).catch(() => undefined);
    if (marks === undefined) return;
    this.#tried.push(mark);
    const data = bytes([...marks, mark].join(" "));
    const how = there === undefined ? ({ create: "only" } as const) : { ifMatch: there.revision! };
    await files.write(path, data, how).then(
      () => {
        this.#counted.push(mark);
        this.#told += 1;
      },
      () => undefined,
    );
  }

  async #make(files: Edited, mark: string): Promise<void> {
    const kind = KINDS[Math.floor(this.#chance() * KINDS.length)]!;
    const path = pathOf(kind, this.#name, mark);
    const slot: Slot = { kind, paths: [path], allowed: [[undefined]], open: true };
    this.#slots.push(slot);
    const create = kind === "mount" ? {} : { create: "only" as const };
    await this.#try(slot, [[written(kind, mark)]], async () => {
      if (kind === "mount") await files.write("/mounts", bytes(`mount ${path} scratch read-write`));
      else await files.write(path, bytes(textOf(kind, mark)), create);
    });
  }

  async #change(files: Edited, slot: Slot, mark: string): Promise<void> {
    const { kind, paths, allowed } = slot;
    const path = paths.at(-1)!;
    const now = allowed[0]!.at(-1);
    const rest = allowed[0]!.slice(0, -1);
    slot.open = true;
    if (now === undefined) {
      const make = textOf(kind, mark);
      await this.#try(slot, [[...rest, written(kind, mark)]], async () => {
        if (kind === "mount")
          await files.write("/mounts", bytes(`mount ${path} scratch read-write`));
        else await files.write(path, bytes(make));
      });
      return;
    }
    const what = this.#chance();
    if (kind === "mount") {
      const gone = what < 0.3;
      const level = what < 0.6 ? "read-only" : "disabled";
      const line = gone ? `unmount ${path}` : `access ${path} ${level}`;
      await this.#try(slot, [[...rest, gone ? undefined : level]], async () => {
        await files.write("/mounts", bytes(line), { at: "end" });
      });
    } else if (what < 0.25) {
      await this.#try(slot, [[...rest, undefined]], () => files.remove(path));
    } else if (what < 0.5 && (kind === "file" || kind === "kv")) {
      const to = pathOf(kind, this.#name, mark);
      slot.paths = [...paths, to];
      slot.allowed = [[...rest, now, undefined]];
      await this.#try(slot, [[...rest, undefined, now]], () => files.rename(path, to));
    } else if (what < 0.75 && (kind === "file" || kind === "kv")) {
      await this.#try(slot, [[...rest, now + mark]], async () => {
        await files.write(path, bytes(mark), { at: "end" });
      });
    } else {
      await this.#try(slot, [[...rest, written(kind, mark)]], async () => {
        await files.write(path, bytes(textOf(kind, mark)));
      });
    }
  }

  /** Makes a change, after which one of `after` is there; where it fails, that or what was there before. */
  async #try(
    slot: Slot,
    after: readonly (readonly Content[])[],
    work: () => Promise<void>,
  ): Promise<void> {
    const before = slot.allowed;
    slot.allowed = [...before, ...after];
    try {
      await work();
      slot.allowed = after;
      slot.open = false;
      this.#told += 1;
    } catch (error) {
      // At first there is nobody yet, what is not durable may be undone, and an agent may be elsewhere.
      const nobody = /There is no agent/.test((error as Error).message);
      if (nobody) {
        slot.allowed = before;
        slot.open = false;
      }
      const refused = error instanceof FileError && REFUSED.has(error.errno) && !nobody;
      if (refused) this.broken.push(`${slot.paths.join(", ")}: ${error.message}`);
    }
  }
}

function pathOf(kind: Kind, name: string, mark: string): string {
  if (kind === "file") return `/memory/files/of ${name}/deep/${mark}`;
  if (kind === "kv") return `/memory/kv/${mark}`;
  return kind === "mount" ? `/fs/${mark}` : `/${kind}s/${mark}`;
}

/** What is written, to leave a mark. */
function textOf(kind: Kind, mark: string): string {
  if (kind === "goal") return JSON.stringify({ title: mark });
  return kind === "alarm" ? JSON.stringify({ in: "900d", payload: mark }) : mark;
}

/** What is then there, as `contentOf` gives it. */
function written(kind: Kind, mark: string): string {
  return kind === "mount" ? "read-write" : mark;
}

async function contentOf(files: Edited, kind: Kind, path: string): Promise<Content> {
  if (kind === "mount") {
    const lines = (await read(files, "/mounts")).split("\n").map((line) => line.split(" "));
    return lines.find(([at]) => at === path)?.[2];
  }
  let text: string;
  try {
    text = await read(files, path);
  } catch (error) {
    if (error instanceof FileError && error.errno === "ENOENT") return undefined;
    throw error;
  }
  if (kind === "goal") return (JSON.parse(text) as { title: string }).title;
  return kind === "alarm" ? (JSON.parse(text) as { payload: string }).payload : text;
}

async function marksOf(files: Edited): Promise<readonly string[]> {
  try {
    return (await read(files, "/memory/kv/counter")).split(" ");
  } catch (error) {
    if (error instanceof FileError && error.errno === "ENOENT") return [];
    throw error;
  }
}

async function read(files: Edited, path: string): Promise<string> {
  return new TextDecoder().decode(await files.read(path));
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
