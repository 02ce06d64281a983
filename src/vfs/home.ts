import { isNpub, isRef } from "../core/agent.ts";
import { errorInfo } from "../core/errors.ts";
import type { FileListQuery, FileService, FileStat, Page } from "../core/ports/index.ts";
import type { Json } from "../core/json.ts";
import type { AgentInfo, Home } from "../core/runtime.ts";
import { able } from "../core/able.ts";
import { limitOf } from "./asked.ts";
import { failed } from "./failed.ts";
import { fixedDirectory, nodeService } from "./nodes.ts";
import { joinPath, partsOf } from "./path.ts";

/** What the tree of a home is made of. */
export interface HomeParts extends Pick<Home, "list" | "resolve"> {
  /** The tree of one agent, by npub, hex key or name: whatever it does fails when nobody is meant. */
  readonly agent: (ref: string) => FileService;
  /** What changes in the whole tree, at or below a path. Default: nobody says, above agents. */
  readonly changes?: ((path: string, signal: AbortSignal) => AsyncIterable<string>) | undefined;
  /** The runtimes that are known, by name; what is known of each. */
  readonly srv: () => Promise<Readonly<Record<string, Json>>>;
}

/**
 * The tree of a whole home. `/agents/<npub>` is an agent's own; `/agents/<name>` is a link to it, also for
 * a hex key, and what is below a link is there as it is below the npub. `/srv/<name>` says of a runtime what
 * is known. Nothing is written here but in agents.
 */
export function homeTree(parts: HomeParts): FileService {
  return new HomeTree(parts);
}

/** Something below an agent's own directory, or that. */
interface Inside {
  readonly ref: string;
  readonly files: FileService;
  readonly path: string;
  /** What the agent's service says of a path, as the home does. */
  readonly outer: (path: string) => string;
}

class HomeTree implements FileService {
  readonly #parts: HomeParts;
  /** All that is above the agents but their list. */
  readonly #above: FileService;

  constructor(parts: HomeParts) {
    this.#parts = parts;
    const runtimes = async () =>
      Object.entries(await parts.srv()).map(([name, known]) => ({
        name,
        node: {
          read: () => `${JSON.stringify(known, null, 2)}\n`,
          facts: () => ({ type: "application/json" }),
        },
      }));
    const srv = {
      list: async () => ({ items: await runtimes() }),
      at: async (wanted: string) => (await runtimes()).find(({ name }) => name === wanted)?.node,
    };
    this.#above = nodeService(fixedDirectory({ agents: fixedDirectory({}), srv }));
  }

  async stat(path: string): Promise<FileStat> {
    const inside = this.#inside(path);
    if (inside === undefined) return this.#above.stat(path);
    const { ref, files } = inside;
    if (inside.path !== "/") return files.stat(inside.path);
    if (isNpub(ref)) return { ...(await files.stat("/")), name: ref };
    return { name: ref, kind: "link", access: "r", target: await this.#npub(ref, path) };
  }

  async list(path: string, query: FileListQuery = {}): Promise<Page<FileStat>> {
    if (path === "/agents") return this.#agents(query);
    const inside = this.#inside(path);
    return inside === undefined
      ? this.#above.list(path, query)
      : inside.files.list(inside.path, query);
  }

  read(...[path, range]: Parameters<FileService["read"]>): Promise<Uint8Array> {
    const inside = this.#inside(path);
    return inside === undefined
      ? this.#above.read(path, range)
      : inside.files.read(inside.path, range);
  }

  async write(...[path, data, options]: Parameters<FileService["write"]>): Promise<{
    readonly path: string;
  }> {
    const inside = this.#change(path);
    const written = await inside.files.write(inside.path, data, options);
    return { ...written, path: inside.outer(written.path) };
  }

  async remove(path: string): Promise<void> {
    const inside = this.#change(path);
    await inside.files.remove(inside.path);
  }

  async rename(from: string, to: string): Promise<void> {
    const [one, other] = [this.#change(from), this.#change(to)];
    if (one.ref !== other.ref) {
      const npubs = [one, other].map(({ ref }) => this.#npub(ref, from).catch(() => undefined));
      const [first, second] = await Promise.all(npubs);
      if (first === undefined || first !== second) {
        throw failed("EXDEV", "move", from, `"${to}" is not the same agent's`);
      }
    }
    await one.files.rename(one.path, other.path);
  }

  async *watch(path: string, signal: AbortSignal): AsyncIterable<string> {
    const inside = this.#inside(path);
    if (inside === undefined) {
      await this.stat(path);
      return yield* this.#parts.changes?.(path, signal) ?? this.#above.watch(path, signal);
    }
    for await (const changed of inside.files.watch(inside.path, signal)) {
      yield inside.outer(changed);
    }
    return undefined;
  }

  async makeDirectory(path: string): Promise<void> {
    const inside = this.#change(path);
    await able(inside.files, "makeDirectory", path)(inside.path);
  }

  async resize(path: string, size: number): Promise<void> {
    const inside = this.#change(path);
    await able(inside.files, "resize", path)(inside.path, size);
  }

  async exchange(path: string, data: Uint8Array): Promise<Uint8Array> {
    const inside = this.#change(path);
    return able(inside.files, "exchange", path)(inside.path, data);
  }

  async *follow(path: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const inside = this.#change(path);
    yield* able(inside.files, "follow", path)(inside.path, signal);
  }

  /** What is in an agent's directory, and that; undefined for what is above. @throws ENOENT for what can be no agent */
  #inside(path: string): Inside | undefined {
    const [top, ref, ...rest] = partsOf(path);
    if (top !== "agents" || ref === undefined) return undefined;
    if (!isRef(ref)) throw nobody(path);
    return {
      ref,
      files: this.#parts.agent(ref),
      path: `/${rest.join("/")}`,
      outer: (inner) => joinPath(`/agents/${ref}`, inner),
    };
  }

  /** @throws EACCES for what is above agents */
  #change(path: string): Inside {
    const inside = this.#inside(path);
    if (inside !== undefined) return inside;
    throw failed("EACCES", "change", path, "what is above agents is only read");
  }

  async #npub(ref: string, path: string): Promise<string> {
    try {
      return (await this.#parts.resolve(ref)).npub;
    } catch (error) {
      throw errorInfo(error).code === "NOT_FOUND" ? nobody(path) : error;
    }
  }

  /**
   * Each agent is two entries, its directory and the link to it. A cursor is that of the home after `0`,
   * or after `1` where the first entry was given already.
   */
  async #agents(query: FileListQuery): Promise<Page<FileStat>> {
    const { cursor = "0" } = query;
    const limit = limitOf(query);
    const [given, before] = [Number(cursor[0]), cursor.slice(1)];
    const page = await this.#parts.list({
      limit: Math.max(1, Math.floor(limit / 2)),
      ...(before !== "" && { cursor: before }),
    });
    const entries = page.items.flatMap(entriesOf);
    const items = entries.slice(given, given + limit);
    if (given + limit < entries.length) return { items, cursor: `1${before}` };
    return { items, ...(page.cursor !== undefined && { cursor: `0${page.cursor}` }) };
  }
}

/** An ended agent has no name any more. */
function entriesOf({ id, name, status }: AgentInfo): readonly FileStat[] {
  const own: FileStat = { name: id, kind: "directory", access: "r" };
  return status === "terminated" ? [own] : [own, { name, kind: "link", access: "r", target: id }];
}

function nobody(path: string): Error {
  return failed("ENOENT", "find", path, "there is no such agent");
}
