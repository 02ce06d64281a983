import type { Store } from "../../core/ports/store.ts";
import { ALL_AREAS, wantedIn } from "../../core/search.ts";
import type { Area } from "../../core/search.ts";
import { equal } from "../assert.ts";
import { create, idOf, tick } from "./kit.ts";
import type { StoreCases } from "./kit.ts";

const message = (n: number): string => `memory/conversations/ada/${String(n).padStart(10, "0")}`;
const said = (content: unknown): string => JSON.stringify({ role: "user", content, tokens: 9 });

/** Paths that have all the words, by the agent's name. */
async function find(
  store: Store,
  name: string,
  words: string,
  { areas = ALL_AREAS, limit = 100 }: { areas?: readonly Area[]; limit?: number } = {},
): Promise<readonly string[]> {
  return store.search(idOf(name), { words: wantedIn(words), areas, limit });
}

export const SEARCH: StoreCases = {
  cases: {
    "files are found by all of their words, whatever case and accents, the last written first":
      async ({ store }) => {
        await create(store, "alice");
        equal(await find(store, "alice", "ship"), []);
        await tick(store, "alice", {
          put: [
            { path: message(1), value: said("The ship leaves at nine") },
            { path: message(2), value: said([{ type: "text", text: "Zürich: a SHIP?" }]) },
            {
              path: "memory/patterns/p",
              value: JSON.stringify({ id: "p", text: "No ship today" }),
            },
            { path: "state/note", value: '"A ship in the state"' },
            {
              path: "goals/g",
              value: JSON.stringify({ id: "ship", title: "Sail", note: "by sea" }),
            },
          ],
        });
        equal(await find(store, "alice", "ship"), ["memory/patterns/p", message(2), message(1)]);
        equal(await find(store, "alice", "a ship ZURICH"), [message(2)]);
        equal(await find(store, "alice", "shi"), []);
        equal(await find(store, "alice", "shi*"), ["memory/patterns/p", message(2), message(1)]);
        equal(await find(store, "alice", "nine ship leaves"), [message(1)]);
        equal(await find(store, "alice", "nine zurich"), []);
        equal(await find(store, "alice", "sea sail"), ["goals/g"]);
        // What only tells parts apart, or how they are kept, is not said.
        equal(await find(store, "alice", "role"), []);
        equal(await find(store, "alice", "text"), []);
        equal(await find(store, "alice", "ship", { areas: ["conversations"] }), [
          message(2),
          message(1),
        ]);
        equal(await find(store, "alice", "ship", { areas: ["conversations"], limit: 1 }), [
          message(2),
        ]);
        equal(await find(store, "alice", "ship", { areas: [] }), []);
        // Written again, it is the newest, and no longer what it was.
        await tick(store, "alice", { put: [{ path: message(1), value: said("A ship, at ten") }] });
        equal(await find(store, "alice", "ship"), [message(1), "memory/patterns/p", message(2)]);
        equal(await find(store, "alice", "nine"), []);
        equal(await find(store, "alice", "ten"), [message(1)]);
      },

    "words of scripts without spaces, of names of files, of bytes and of large values are found":
      async ({ store }) => {
        await create(store, "alice");
        const long = "word ".repeat(19_990);
        await tick(store, "alice", {
          put: [
            { path: "memory/files/docs/harbour.txt", value: new TextEncoder().encode("piers, 7") },
            { path: "memory/files/raw", value: new Uint8Array([0xff, 0x61, 0xfe]) },
            { path: "memory/files/b", value: `${long} early ${"x".repeat(3 * 1024 * 1024)} late` },
            { path: "memory/kv/colour", value: '{"sky":"blue","type":1}' },
            { path: "memory/kv/plain", value: "just text\n" },
            { path: message(1), value: said("東京タワー") },
            { path: message(2), value: said('a "quoted" AND (odd) text* NEAR') },
          ],
        });
        equal(await find(store, "alice", "harbour"), ["memory/files/docs/harbour.txt"]);
        equal(await find(store, "alice", "piers 7"), ["memory/files/docs/harbour.txt"]);
        equal(await find(store, "alice", "raw"), ["memory/files/raw"]);
        equal(await find(store, "alice", "a", { areas: ["files"] }), []);
        equal(await find(store, "alice", "early"), ["memory/files/b"]);
        equal(await find(store, "alice", "late"), []);
        equal(await find(store, "alice", "BLUE colour 1"), ["memory/kv/colour"]);
        equal(await find(store, "alice", "just"), ["memory/kv/plain"]);
        equal(await find(store, "alice", "東京"), [message(1)]);
        equal(await find(store, "alice", '"quoted" and near (odd)'), [message(2)]);
        await tick(store, "alice", { put: [{ path: "memory/files/b", value: "short" }] });
        equal(await find(store, "alice", "early"), []);
        equal(await find(store, "alice", "short"), ["memory/files/b"]);
      },

    "what nests deeper than any call could go is taken, and found by what it says": async ({
      store,
    }) => {
      await create(store, "alice");
      const deep = (text: string): string => `${"[".repeat(30_000)}"${text}"${"]".repeat(30_000)}`;
      await tick(store, "alice", {
        put: [
          { path: "memory/kv/deep", value: deep("anchor") },
          { path: message(1), value: `{"role":"user","content":${deep("anchor")}}` },
          { path: "memory/kv/wide", value: `[${"1,".repeat(30_000)}"anchor"]` },
        ],
      });
      equal(await find(store, "alice", "anchor"), ["memory/kv/wide", message(1), "memory/kv/deep"]);
    },

    "what was read elsewhere is found by where it is and what was said of it": async ({
      store,
    }) => {
      await create(store, "alice");
      const value = JSON.stringify({ id: "a", path: "https://sea.example/", summary: "Tides" });
      await tick(store, "alice", { put: [{ path: "memory/read/a", value }] });
      equal(await find(store, "alice", "tides sea"), ["memory/read/a"]);
      equal(await find(store, "alice", "tides", { areas: ["read"] }), ["memory/read/a"]);
      equal(await find(store, "alice", "tides", { areas: ["files"] }), []);
      equal(await find(store, "alice", "summary"), []);
    },

    "a search may have many words, each in every part of what is remembered": async ({ store }) => {
      await create(store, "alice");
      const words = Array.from({ length: 20 }, (_, i) => `word${i}`);
      await tick(store, "alice", { put: [{ path: message(1), value: said(words.join(" ")) }] });
      equal(await find(store, "alice", words.map((word) => `${word}*`).join(" ")), [message(1)]);
    },

    "what is removed is not found, one file or all below a path, and no agent finds another's":
      async ({ store }) => {
        await create(store, "alice", "bob");
        const put = [
          { path: message(1), value: said("one anchor") },
          { path: message(2), value: said("two anchors, an anchor") },
          { path: "memory/kv/k", value: '"anchor"' },
          { path: "memory/conversations/adam/0000000001", value: said("anchor") },
        ];
        await tick(store, "alice", { put });
        await tick(store, "bob", { put: put.slice(0, 1) });
        equal((await find(store, "alice", "anchor")).length, 4);
        await tick(store, "alice", { remove: [message(1), "memory/kv/none"] });
        equal((await find(store, "alice", "anchor")).length, 3);
        equal(await find(store, "bob", "anchor"), [message(1)]);
        await tick(store, "alice", { remove: ["memory/conversations/ada/"] });
        equal(await find(store, "alice", "anchor"), [
          "memory/conversations/adam/0000000001",
          "memory/kv/k",
        ]);
        // Removed and written by one change: it is there.
        await tick(store, "alice", {
          remove: ["memory/conversations/ada/"],
          put: [{ path: message(3), value: said("anchor") }],
        });
        equal((await find(store, "alice", "anchor"))[0], message(3));
        await tick(store, "alice", { remove: ["memory/"] });
        equal(await find(store, "alice", "anchor"), []);
        equal(await find(store, "bob", "anchor"), [message(1)]);
        await store.remove(idOf("bob"));
        await create(store, "bob");
        equal(await find(store, "bob", "anchor"), []);
      },

    "an agent that was cleared and brought back is found by what it brought": async ({ store }) => {
      await create(store, "alice", "bob");
      await tick(store, "alice", { put: [{ path: message(1), value: said("old words") }] });
      equal(await find(store, "alice", "words"), [message(1)]);
      await store.setStatus(idOf("alice"), "leaving");
      await store.setStatus(idOf("alice"), "moved");
      await store.clear(idOf("alice"));
      equal(await find(store, "alice", "words"), []);
      await store.setStatus(idOf("alice"), "arriving");
      const files = [message(1), message(2)].map((path) => ({ path, value: said("new words") }));
      await store.restore(idOf("alice"), { files });
      equal(await find(store, "alice", "old"), []);
      equal(await find(store, "alice", "new words"), [message(2), message(1)]);
      await store.restore(idOf("alice"), { files: [{ path: message(1), value: said("newest") }] });
      equal(await find(store, "alice", "new"), [message(2)]);
    },

    "a change of an agent's name changes nothing of what is found": async ({ store }) => {
      await create(store, "alice");
      await tick(store, "alice", { put: [{ path: message(1), value: said("words") }] });
      await store.update(idOf("alice"), { name: "alicia" });
      equal(await find(store, "alice", "words"), [message(1)]);
      await store.setStatus(idOf("alice"), "terminated");
      equal(await find(store, "alice", "words"), [message(1)]);
    },
  },
  reopening: {
    "what was found before a restart is found after it": async ({ store, reopen }) => {
      await create(store, "alice");
      await tick(store, "alice", { put: [{ path: message(1), value: said("lasting words") }] });
      await tick(store, "alice", { put: [{ path: message(2), value: said("more words") }] });
      await store.sync();
      const again = await reopen();
      equal(await find(again, "alice", "words"), [message(2), message(1)]);
      await tick(again, "alice", { put: [{ path: message(1), value: said("other") }] });
      equal(await find(again, "alice", "words"), [message(2)]);
      equal(await find(again, "alice", "other"), [message(1)]);
    },
  },
};
