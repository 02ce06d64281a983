import { OpenAgentsError } from "../core/errors.ts";
import { FileError } from "../core/file-error.ts";
import type { ExchangeOptions, FileService, FileStat } from "../core/ports/index.ts";
import { failed } from "./failed.ts";
import { isWithin, joinPath, nameOf, normalPath, parentOf, partsOf, pathWithin } from "./path.ts";

/**
 * What a service has at and below `path`, as a service of its own: that path is its root, which may be a
 * file, and nothing above can be reached or is named. What is not there yet may come later.
 */
export function subtree(service: FileService, path: string): FileService {
  const top = normalPath(path);
  if (top === "/") return service;
  const down = (below: string): string => joinPath(top, normalPath(below));
  const up = (whole: string): string => (isWithin(whole, top) ? pathWithin(whole, top) : "/");
  /** @throws EBUSY for the root: whose entry it is, that is above it */
  const notRoot = (whole: string, verb: string): string => {
    if (whole === top) throw failed("EBUSY", verb, whole, "it is the root");
    return whole;
  };
  const doing = async <T>(what: () => Promise<T>): Promise<T> => {
    try {
      return await what();
    } catch (error) {
      throw seenFrom(top, error);
    }
  };
  return {
    stat: (at) => doing(async () => shown(await service.stat(down(at)), at)),
    list: (at, query) =>
      doing(async () => {
        const page = await service.list(down(at), query);
        return { ...page, items: page.items.map((item) => shown(item, joinPath(at, item.name))) };
      }),
    read: (at, range) => doing(async () => service.read(down(at), range)),
    write: (at, data, options) =>
      doing(async () => ({ path: up((await service.write(down(at), data, options)).path) })),
    remove: (at) => doing(async () => service.remove(notRoot(down(at), "remove"))),
    rename: (from, to) =>
      doing(async () => service.rename(notRoot(down(from), "move"), notRoot(down(to), "move"))),
    async *watch(at, signal) {
      try {
        for await (const changed of service.watch(down(at), signal)) yield up(changed);
      } catch (error) {
        throw seenFrom(top, error);
      }
    },
    ...(service.makeDirectory !== undefined && {
      makeDirectory: (at: string) => doing(async () => service.makeDirectory?.(down(at))),
    }),
    ...(service.resize !== undefined && {
      resize: (at: string, size: number) => doing(async () => service.resize?.(down(at), size)),
    }),
    ...(service.exchange !== undefined && {
      exchange: (at: string, data: Uint8Array, options?: ExchangeOptions) =>
        doing(async () => service.exchange!(down(at), data, options)),
    }),
    ...(service.follow !== undefined && {
      async *follow(at: string, signal: AbortSignal) {
        try {
          yield* service.follow!(down(at), signal);
        } catch (error) {
          throw seenFrom(top, error);
        }
      },
    }),
  };
}

/** A stat at a path below the root; a link that leads out of it leads nowhere. */
function shown(stat: FileStat, path: string): FileStat {
  const { target, ...rest } = stat;
  const named = { ...rest, name: nameOf(path) };
  return target === undefined || !staysBelow(target, path) ? named : { ...named, target };
}

function staysBelow(target: string, path: string): boolean {
  if (path === "/" || target.startsWith("/")) return false;
  let depth = partsOf(parentOf(path)).length;
  for (const part of target.split("/")) {
    if (part === "" || part === ".") continue;
    depth += part === ".." ? -1 : 1;
    if (depth < 0) return false;
  }
  return true;
}

/** The same error with the paths that it names as they are seen from `top`. */
function seenFrom(top: string, error: unknown): unknown {
  if (!(error instanceof OpenAgentsError)) return error;
  const message = error.message.replaceAll(`"${top}"`, '"/"').replaceAll(`"${top}/`, '"/');
  if (message === error.message) return error;
  return error instanceof FileError
    ? new FileError(error.errno, message)
    : new OpenAgentsError(error.code, message);
}
