import type { ObjectContext } from "../../src/backends/cloudflare/platform.ts";
import { durableObjectStore } from "../../src/stores/durable-object.ts";
import { equal, ok } from "../../src/testing/assert.ts";
import { create, idOf, tick } from "../../src/testing/store/kit.ts";

/** What an object finds that was written to before there was an index of words. */
export const OLDER: Readonly<Record<string, (storage: ObjectContext["storage"]) => Promise<void>>> =
  {
    "much that an older version kept is indexed by the first search, while others have their turn":
      async (storage) => {
        const store = await durableObjectStore(storage);
        await create(store, "alice");
        const put = Array.from({ length: 300 }, (_, i) => ({
          path: `memory/files/${1000 + i}`,
          value: `ship ${i}`,
        }));
        await tick(store, "alice", { put });
        await store.sync();
        for (const table of ["words", "found", "searched", "backlogs"]) {
          storage.sql.exec(`DROP TABLE ${table}`);
        }
        storage.sql.exec("DELETE FROM meta WHERE key IN ('search', 'found')");
        const older = await durableObjectStore(storage);
        let isDone = false;
        const search = older.search(idOf("alice"), {
          words: ["ship"],
          areas: ["files"],
          limit: 1000,
        });
        void search.then(() => (isDone = true));
        await tick(older, "alice", {
          put: [{ path: "memory/files/1000", value: "the last ship" }],
        });
        ok(!isDone, "the search goes on");
        const found = await search;
        equal(found.length, 300);
        equal(found.slice(0, 2), ["memory/files/1000", "memory/files/1299"]);
      },
  };
