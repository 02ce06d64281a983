import { OpenAgentsError } from "../core/errors.ts";
import type { HomeFiles } from "../core/ports/home-files.ts";
import type { Store } from "../core/ports/store.ts";

/**
 * What `sqlite` is where there is no SQLite of Node's, in Workers: a configuration may name it, as it
 * does at home, but a backend there has a store of its own. Every call of this one rejects with CONFIG.
 */
export function sqlite(path: string): Store {
  return absent("store", path) as Store;
}

/** As `sqlite`, for `sqliteHomeFiles`. */
export function sqliteHomeFiles(path: string): HomeFiles {
  return absent("the home's files", path) as HomeFiles;
}

function absent(what: string, path: string): object {
  const refuse = async (): Promise<never> => {
    throw new OpenAgentsError(
      "CONFIG",
      `Cannot open ${what} "${path}": there is no node:sqlite here, use that of the backend`,
    );
  };
  return new Proxy({}, { get: () => refuse });
}
