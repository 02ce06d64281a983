import { errnoOf } from "../core/file-error.ts";
import { PathFeed } from "./changes.ts";
import { missing } from "./failed.ts";
import type { MountTable, Mounted, Within } from "./mount-table.ts";
import { isPath, isWithin, joinPath, pathWithin } from "./path.ts";

export interface MountWatchOptions {
  readonly path: string;
  readonly table: MountTable;
  /** Why a path is not any more what it was. */
  readonly lost: (own: Within) => unknown;
  /** An error of a service, in the words of whoever asked. */
  readonly retold: (error: unknown, own: Within) => unknown;
}

/**
 * A watch of one path in all the mounts that have to do with it: the one that it belongs to, and those
 * below it, of which the ones that cannot be watched are left out. What is mounted there later is watched
 * too. It ends when its own mount is gone.
 */
export class MountWatch {
  readonly #path: string;
  readonly #table: MountTable;
  readonly #lost: MountWatchOptions["lost"];
  readonly #retold: MountWatchOptions["retold"];
  readonly #sources = new Map<Mounted, AbortController>();
  #own: Within | undefined;
  #feed!: PathFeed;

  constructor({ path, table, lost, retold }: MountWatchOptions) {
    this.#path = path;
    this.#table = table;
    this.#lost = lost;
    this.#retold = retold;
  }

  begin(signal: AbortSignal, onEnd: () => void): PathFeed {
    this.#feed = new PathFeed(this.#path, signal, () => {
      for (const source of this.#sources.values()) source.abort();
      this.#sources.clear();
      onEnd();
    });
    const { mounted, point } = this.#table.find(this.#path);
    if (mounted === undefined && point === undefined) this.#feed.fail(missing(this.#path));
    this.#look();
    return this.#feed;
  }

  /** Is told of the path of each mount that comes, goes or changes. */
  readonly changed = (path: string): void => {
    this.#look();
    if (isWithin(path, this.#path)) this.#feed.push(path);
  };

  /** Begins with what is to be watched now, and ends with what is not any more. */
  #look(): void {
    if (this.#feed.ended) return;
    const { mounted, point } = this.#table.find(this.#path);
    if (this.#own === undefined && mounted !== undefined) {
      const rest = pathWithin(this.#path, mounted.path);
      this.#own = { path: this.#path, mounted, rest };
    }
    const lost = this.#own && this.#lost(this.#own);
    if (lost !== undefined) {
      this.#feed.fail(lost);
      return;
    }
    const wanted = new Set(point?.all());
    if (this.#own !== undefined) wanted.add(this.#own.mounted);
    for (const mounted of wanted) {
      if (mounted.access === "disabled") wanted.delete(mounted);
      else if (!this.#sources.has(mounted)) void this.#pump(mounted);
    }
    for (const [mounted, source] of this.#sources) {
      if (wanted.has(mounted)) continue;
      source.abort();
      this.#sources.delete(mounted);
    }
  }

  async #pump(mounted: Mounted): Promise<void> {
    const source = new AbortController();
    this.#sources.set(mounted, source);
    const { signal } = source;
    const own = mounted === this.#own?.mounted ? this.#own : undefined;
    try {
      for await (const path of mounted.service.watch(own?.rest ?? "/", signal)) {
        if (signal.aborted) return;
        if (!isPath(path)) continue;
        const changed = joinPath(mounted.path, path);
        // Another mount may be in front of it.
        if (this.#table.find(changed).mounted === mounted) this.#feed.push(changed);
      }
      if (!signal.aborted && own !== undefined) this.#feed.end();
    } catch (error) {
      if (signal.aborted || own === undefined) return;
      const between = this.#table.find(this.#path).point?.points.size ?? 0;
      const left = between > 0 && ["ENOENT", "ENOTDIR", "ENOTSUP"].includes(errnoOf(error));
      if (!left) this.#feed.fail(this.#retold(error, own));
    }
  }
}
