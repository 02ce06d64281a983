import { watch } from "node:fs";
import type { FSWatcher } from "node:fs";
import { lstat } from "node:fs/promises";
import { failed } from "../../vfs/failed.ts";
import { PathFeed } from "../../vfs/changes.ts";
import { isWithin, joinPath, parentOf } from "../../vfs/path.ts";
import { hasCode, hostError } from "./errors.ts";
import type { Ground } from "./ground.ts";
import { entriesOf } from "./listing.ts";
import { shownName } from "./names.ts";

/** How many directories one watch looks at. */
const MOST_WATCHED = 10_000;

/**
 * What changes at or below a path, from about now on. Each directory is watched on its own, by the handle
 * that it was reached with, so that no link is followed.
 */
export function watchTree(ground: Ground, path: string, signal: AbortSignal): PathFeed {
  const tree = new WatchedTree(ground, path, signal);
  void tree.begin();
  return tree.feed;
}

class WatchedTree {
  readonly feed: PathFeed;
  readonly #ground: Ground;
  readonly #path: string;
  readonly #watchers = new Map<string, FSWatcher>();

  constructor(ground: Ground, path: string, signal: AbortSignal) {
    this.#ground = ground;
    this.#path = path;
    this.feed = new PathFeed(path, signal, () => this.#drop("/"));
  }

  async begin(): Promise<void> {
    try {
      const above = parentOf(this.#path);
      // The one above tells when what is watched goes, or comes again.
      await this.#add(above);
      const isDirectory = await this.#ground.within(above, async (directory) =>
        (
          await lstat(`${directory}/${this.#path.slice(this.#path.lastIndexOf("/") + 1)}`)
        ).isDirectory(),
      );
      if (isDirectory) await this.#addAll(this.#path, false);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Watches a directory and all below it; with `tell`, says what is in it, which is new. */
  async #addAll(path: string, tell: boolean): Promise<void> {
    const waiting = [path];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (this.feed.ended) return;
      const directoryPath = next;
      try {
        await this.#add(directoryPath);
        await this.#ground.within(directoryPath, async (directory) => {
          for await (const { name, isDirectory } of entriesOf(`${directory}/.`)) {
            const entry = joinPath(directoryPath, name);
            if (isDirectory) waiting.push(entry);
            if (tell) this.feed.push(entry);
          }
        });
      } catch (error) {
        // It is gone again, or it is none of ours.
        const isOther = hasCode(error, "ENOENT", "ENOTDIR", "ELOOP", "EACCES");
        if (!isOther || directoryPath === this.#path) throw error;
      }
    }
  }

  async #add(path: string): Promise<void> {
    await this.#ground.within(path, async (directory) => {
      if (this.feed.ended || this.#watchers.has(path)) return;
      if (this.#watchers.size >= MOST_WATCHED) {
        const why = `it has more than ${MOST_WATCHED} directories: watch one of them`;
        throw failed("ENOSPC", "watch", this.#path, why);
      }
      const watcher = watch(`${directory}/.`, "buffer", (type, name) => {
        void this.#changed(path, type, name);
      });
      watcher.on("error", (error) => this.#fail(error));
      this.#watchers.set(path, watcher);
    });
  }

  async #changed(directory: string, type: string, bytes: Buffer | null): Promise<void> {
    // It is the directory itself.
    if (bytes === null || bytes.toString() === ".") return this.feed.push(directory);
    const name = shownName(bytes);
    if (name === undefined) return;
    const path = joinPath(directory, name);
    this.feed.push(path);
    if (type !== "rename" || !isWithin(path, this.#path)) return;
    this.#drop(path);
    try {
      await this.#addAll(path, true);
    } catch (error) {
      // Most of what comes and goes is no directory.
      if (hasCode(error, "ENOSPC", "EMFILE")) this.#fail(error);
    }
  }

  #drop(path: string): void {
    for (const [watched, watcher] of this.#watchers) {
      if (!isWithin(watched, path) && !this.feed.ended) continue;
      watcher.close();
      this.#watchers.delete(watched);
    }
  }

  #fail(error: unknown): void {
    this.feed.fail(hostError(error, "watch", this.#path));
  }
}
