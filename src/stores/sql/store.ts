import type { Directory, DueClock, Ledger, Letterbox, Store } from "../../core/ports/store.ts";
import { Base } from "./base.ts";
import type { Direct } from "./base.ts";
import { dueClock } from "./clock.ts";
import { directory } from "./directory.ts";
import { ledger } from "./ledger.ts";
import { letterbox } from "./letterbox.ts";
import type { Sql } from "./sql.ts";

/**
 * A store on a SQLite database that belongs to it alone: claims and what is known of busy agents
 * are kept in memory. The database is opened, and its schema made, by the first call.
 */
export function sqlStore(sql: Sql): Store {
  const base = new Base(sql);
  return {
    ...promising(base, directory(base)),
    ...promising(base, letterbox(base)),
    ...promising(base, ledger(base)),
    async search(id, query) {
      base.open();
      // What an older version kept is indexed a slice at a time: others have their turn in between.
      while (base.search.advance(base.known(id))) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        base.open();
      }
      return base.search.search(base.known(id), query);
    },
    ...promising(base, dueClock(base)),
    async sync() {
      base.open();
      await sql.sync();
    },
    async crashed() {
      base.open();
      return sql.crashed();
    },
    async close() {
      base.close();
    },
  };
}

/** The same door with each method opening the database first and answering with a promise. */
function promising<T extends Directory | Letterbox | Omit<Ledger, "search"> | DueClock>(
  base: Base,
  door: Direct<T>,
): T {
  const methods = Object.entries(door as Record<string, (...args: unknown[]) => unknown>);
  return Object.fromEntries(
    methods.map(([name, method]) => [
      name,
      async (...args: unknown[]) => {
        base.open();
        return method(...args);
      },
    ]),
  ) as unknown as T;
}
