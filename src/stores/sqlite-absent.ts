import { OpenAgentsError } from "../core/errors.ts";
import type { Store } from "../core/ports/store.ts";

/**
 * What `sqlite` is where there is no SQLite of Node's, in Workers: a configuration may name it, as it
 * does at home, but a backend there has a store of its own. Every call of this one rejects with CONFIG.
 */
export function sqlite(path: string): Store {
  const refuse = async (): Promise<never> => {
    throw new OpenAgentsError(
      "CONFIG",
      `Cannot open store "${path}": there is no node:sqlite here, use the store of the backend`,
    );
  };
  return new Proxy({} as Store, { get: () => refuse });
}
