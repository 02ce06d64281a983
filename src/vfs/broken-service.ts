import type { FileService } from "../core/ports/index.ts";
import { failed } from "./failed.ts";

/** The files of a mount that this home cannot make: whatever is done with them is ENOTSUP and says why. */
export function brokenService(path: string, why: string): FileService {
  const fail = async (): Promise<never> => {
    throw failed("ENOTSUP", "use", path, why);
  };
  return {
    stat: fail,
    list: fail,
    read: fail,
    write: fail,
    remove: fail,
    rename: fail,
    watch: () => ({ [Symbol.asyncIterator]: () => ({ next: fail }) }),
  };
}
