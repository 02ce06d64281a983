import { errnoOf } from "../../core/file-error.ts";
import type { FileService } from "../../core/ports/index.ts";
import { able } from "../../core/able.ts";
import { rest } from "./tail.ts";

const PAUSE = 1000;
/** The longest that is waited, in pauses. */
const MOST_PAUSES = 30;

/**
 * The files of a home that is found when they are first used, and anew after it could not be reached: it may
 * have another address by then. Its root is there in any case, so that whoever lists what it stands in does
 * not wait for it. A watch begins with the first use, and goes on after a loss: that is tried again after
 * `pause` ms, and ever longer.
 */
export function lastingFiles(find: () => FileService, pause: number = PAUSE): FileService {
  let found: FileService | undefined;
  const files = (): FileService => (found ??= find());
  const lost = (error: unknown): unknown => {
    if (errnoOf(error) === "EHOSTUNREACH") found = undefined;
    return error;
  };
  const used = Promise.withResolvers<void>();
  const use = async <T>(act: (files: FileService) => Promise<T>): Promise<T> => {
    used.resolve();
    try {
      return await act(files());
    } catch (error) {
      throw lost(error);
    }
  };
  async function* go<T>(open: (files: FileService) => AsyncIterable<T>): AsyncIterable<T> {
    try {
      yield* open(files());
    } catch (error) {
      throw lost(error);
    }
  }
  return {
    stat: async (path) =>
      path === "/" ? { name: "", kind: "directory", access: "rw" } : use((home) => home.stat(path)),
    list: (path, query) => use((home) => home.list(path, query)),
    read: (path, range) => use((home) => home.read(path, range)),
    write: (path, data, options) => use((home) => home.write(path, data, options)),
    remove: (path) => use((home) => home.remove(path)),
    rename: (from, to) => use((home) => home.rename(from, to)),
    async *watch(path, signal) {
      // Nobody has seen anything yet that could change.
      await Promise.race([used.promise, aborted(signal)]);
      for (let wait = pause; !signal.aborted; wait = Math.min(2 * wait, MOST_PAUSES * pause)) {
        try {
          for await (const changed of go((home) => home.watch(path, signal))) {
            wait = pause;
            yield changed;
          }
        } catch (error) {
          if (errnoOf(error) !== "EHOSTUNREACH") throw error;
        }
        await rest(wait, signal);
        // What has changed meanwhile nobody knows.
        if (!signal.aborted) yield path;
      }
    },
    makeDirectory: (path) => use((home) => able(home, "makeDirectory", path)(path)),
    resize: (path, size) => use((home) => able(home, "resize", path)(path, size)),
    exchange: (path, data) => use((home) => able(home, "exchange", path)(path, data)),
    follow: (path, signal) => go((home) => able(home, "follow", path)(path, signal)),
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });
}
