import type { LogRow, RestoredMail, Store } from "../../core/ports/store.ts";
import { equal, rejects } from "../assert.ts";
import { NOW, agent, claim, create, dead, deliver, envelope, idOf } from "./kit.ts";
import { ids, inbox, logRow, mail, positionOf, tick } from "./kit.ts";
import type { StoreCases } from "./kit.ts";

/** An agent on its way in, with nothing yet. */
async function arriving(store: Store, name: string): Promise<string> {
  await store.create(agent(name, { status: "arriving" }));
  return idOf(name);
}

function letter(to: string, id: string, overrides: Partial<RestoredMail> = {}): RestoredMail {
  return { envelope: envelope(to, id), at: NOW, attempts: 0, notBefore: 0, ...overrides };
}

const seen = async (store: Store, name: string) => store.seen(idOf(name), { limit: 100 });

export const MOBILITY: StoreCases = {
  cases: {
    "create() needs no first envelope, and keeps key and move": async ({ store }) => {
      const alice = agent("alice", { account: null, key: "sealed", move: "{}" });
      await store.create(alice);
      equal(await store.get("alice"), alice);
      equal((await store.list({ limit: 1 })).items, [alice]);
      equal(await inbox(store, "alice"), []);
    },

    "setStatus() writes the move with the status, leaves it, and takes it away": async ({
      store,
    }) => {
      await create(store, "alice");
      await store.setStatus(idOf("alice"), "leaving", "a");
      equal(await store.get("alice"), agent("alice", { status: "leaving", move: "a" }));
      await store.setStatus(idOf("alice"), "moved");
      equal(await store.get("alice"), agent("alice", { status: "moved", move: "a" }));
      await store.setStatus(idOf("alice"), "live", null);
      equal(await store.get("alice"), agent("alice"));
    },

    "deliver() takes nothing in for an agent that is between two homes": async ({ store }) => {
      await create(store, "alice");
      const receipts = { leaving: "busy", arriving: "busy", moved: "moved" } as const;
      for (const [status, receipt] of Object.entries(receipts)) {
        await store.setStatus(idOf("alice"), status as keyof typeof receipts);
        equal(await deliver(store, "alice", status), [receipt]);
      }
      equal(await inbox(store, "alice"), []);
    },

    "seen() gives the ids of mail that is done with, page by page": async ({ store }) => {
      await create(store, "alice", "bob");
      await deliver(store, "alice", "é", "b", "waits", "a", "dead");
      await deliver(store, "bob", "c");
      for (const id of ["é", "b", "a"]) {
        await tick(store, "alice", { ack: [await positionOf(store, "alice", id)] });
      }
      await tick(store, "alice", {
        bury: [{ envelope: envelope("alice", "dead"), attempts: 1, reason: "No" }],
      });
      equal(
        await seen(store, "alice"),
        ["a", "b", "first", "é"].map((id) => ({ id, at: NOW })),
      );
      equal(await store.seen(idOf("alice"), { after: "a", limit: 1 }), [{ id: "b", at: NOW }]);
      await rejects(store.seen(idOf("nobody"), { limit: 1 }), "NOT_FOUND");
    },

    "clear() erases what a moved agent has, but for its entry": async ({ store }) => {
      await create(store, "alice", "bob");
      await deliver(store, "alice", "one");
      await tick(store, "alice", {
        put: [{ path: "a", value: "x" }],
        send: [envelope("bob", "out")],
        wakeAt: NOW,
      });
      await rejects(store.clear(idOf("alice")), "INVALID");
      const held = await claim(store, "alice");
      await store.setStatus(idOf("alice"), "moved", "note");
      await store.clear(idOf("alice"));
      equal(await store.get("alice"), agent("alice", { status: "moved", move: "note" }));
      equal(await inbox(store, "alice"), []);
      equal(await seen(store, "alice"), []);
      equal(await store.files(idOf("alice"), { prefix: "", limit: 9 }), []);
      equal(await store.head(idOf("alice")), undefined);
      equal(await store.log(idOf("alice"), 0, 9), []);
      await rejects(store.commit(held, { log: logRow(3) }), "STALE_CLAIM");
      await store.setStatus(idOf("alice"), "live");
      equal(await store.due({ now: NOW, limit: 9, mail: true }), { agents: [], next: undefined });
      await rejects(store.clear(idOf("nobody")), "NOT_FOUND");
    },

    "outbox() leaves out agents that are between two homes, and moved ones have none": async ({
      store,
    }) => {
      await create(store, "alice", "bob");
      for (const name of ["alice", "bob"]) {
        await tick(store, name, { send: [envelope("carol", `of ${name}`)] });
      }
      const outgoing = async (...of: string[]) => ids(await store.outbox(0, 9, ...of));
      equal(await outgoing(idOf("alice")), ["of alice"]);
      await store.setStatus(idOf("alice"), "leaving");
      equal(await outgoing(), ["of bob"]);
      equal(await outgoing(idOf("alice")), ["of alice"]);
      await store.setStatus(idOf("alice"), "live");
      equal(await outgoing(), ["of alice", "of bob"]);
      await store.setStatus(idOf("alice"), "moved");
      equal(await outgoing(idOf("alice")), []);
      await store.setStatus(idOf("alice"), "arriving");
      await store.restore(idOf("alice"), {
        outbox: [envelope("carol", "one"), envelope("carol", "two")],
      });
      equal(await outgoing(), ["of bob"]);
      equal(await outgoing(idOf("alice")), ["one", "two"]);
      await store.clear(idOf("alice"));
      equal(await outgoing(idOf("alice")), []);
      await store.restore(idOf("alice"), { outbox: [envelope("carol", "three")] });
      await store.setStatus(idOf("alice"), "live");
      equal(await outgoing(), ["of bob", "three"]);
    },

    "commit() is refused for an agent that does not tick": async ({ store }) => {
      await create(store, "alice");
      const held = await claim(store, "alice");
      for (const status of ["failed", "quarantined", "leaving", "moved", "arriving"] as const) {
        await store.setStatus(idOf("alice"), status);
        await rejects(store.commit(held, { log: logRow(2) }), "STALE_CLAIM");
      }
      await store.setStatus(idOf("alice"), "live");
      await store.commit(held, { log: logRow(2) });
    },

    "commit() for an agent that is paused writes its record, and nothing of it is due": async ({
      store,
    }) => {
      await create(store, "alice");
      await store.setStatus(idOf("alice"), "paused");
      const held = await claim(store, "alice");
      await store.commit(held, {
        log: logRow(2),
        bury: [{ envelope: envelope("alice", "x"), attempts: 1, reason: "Why" }],
        send: [envelope("bob", "out")],
        wakeAt: NOW,
      });
      await store.release(held);
      equal((await store.get("alice"))?.status, "paused");
      equal((await store.outbox(0, 9)).length, 1);
      equal(await store.deliver([mail(envelope("alice", "y"))]), ["accepted"]);
      equal(await store.due({ now: NOW + 9, limit: 9, mail: true }), {
        agents: [],
        next: undefined,
      });
      await store.setStatus(idOf("alice"), "live");
      equal((await store.due({ now: NOW + 9, limit: 9, mail: true })).agents, [idOf("alice")]);
    },

    "restore() brings back files, record, dedup window and mail, in parts": async ({ store }) => {
      await create(store, "bob");
      const id = await arriving(store, "alice");
      const files = [
        { path: "a", value: "text" },
        { path: "b", value: Uint8Array.of(0, 255) },
      ];
      await store.restore(id, { files: files.slice(0, 1), log: [logRow(1), logRow(2)] });
      const third: LogRow = { ...logRow(3), output: "{}" };
      await store.restore(id, { files: files.slice(1), log: [third], seen: [{ id: "s", at: 5 }] });
      await store.restore(id, {
        mail: [
          letter("alice", "d", { attempts: 4, reason: "Why" }),
          letter("alice", "x", { at: 7, attempts: 2, notBefore: NOW + 9 }),
        ],
      });
      await store.restore(id, { mail: [letter("alice", "y")] });

      equal(await store.files(id, { prefix: "", limit: 9 }), files);
      equal(await store.head(id), { n: 3, hash: "hash-3" });
      equal(await store.log(id, 0, 9), [logRow(1), logRow(2), third]);
      equal(await seen(store, "alice"), [{ id: "s", at: 5 }]);
      const waiting = await inbox(store, "alice");
      equal(
        waiting.map(({ envelope: { id: name }, at, attempts, notBefore }) => [
          name,
          at,
          attempts,
          notBefore,
        ]),
        [
          ["x", 7, 2, NOW + 9],
          ["y", NOW, 0, 0],
        ],
      );
      equal(await store.depth(id), 2);
      const [buried] = await dead(store, "alice");
      equal([buried?.envelope.id, buried?.attempts, buried?.reason], ["d", 4, "Why"]);
      equal(buried!.position < waiting[0]!.position, true, "the order of all mail");

      await store.setStatus(id, "live");
      equal(await deliver(store, "alice", "s", "d", "x", "z"), [
        "duplicate",
        "duplicate",
        "duplicate",
        "accepted",
      ]);
      equal(ids(await inbox(store, "alice")), ["x", "y", "z"]);
      await tick(store, "alice", { ack: [await positionOf(store, "alice", "x")] });
      equal((await store.head(id))?.n, 4);
      equal(await store.replay(id, "d"), true);
      equal(ids(await inbox(store, "alice")), ["d", "y", "z"]);
    },

    "restore() refuses what does not follow, and changes nothing then": async ({ store }) => {
      await create(store, "bob");
      await rejects(store.restore(idOf("bob"), { log: [logRow(2)] }), "INVALID");
      await rejects(store.restore(idOf("nobody"), {}), "NOT_FOUND");
      const id = await arriving(store, "alice");
      await store.restore(id, { log: [logRow(1)], seen: [{ id: "s", at: NOW }] });
      const files = [{ path: "a", value: "x" }];
      const twice = [letter("alice", "x"), letter("alice", "x")];
      for (const part of [
        { log: [logRow(3)] },
        { log: [logRow(2), logRow(4)] },
        { log: [logRow(1)] },
        { mail: twice },
        { mail: [letter("alice", "s")] },
        { seen: [{ id: "s", at: NOW }] },
      ]) {
        await rejects(store.restore(id, { files, ...part }), "INVALID");
      }
      equal(await store.files(id, { prefix: "", limit: 9 }), []);
      equal(await inbox(store, "alice"), []);
      equal((await store.head(id))?.n, 1);
    },
  },

  reopening: {
    "what was restored is there after a restart": async ({ store, reopen }) => {
      const id = await arriving(store, "alice");
      await store.restore(id, {
        files: [{ path: "a", value: "x" }],
        log: [logRow(1)],
        mail: [letter("alice", "x")],
      });
      await store.setStatus(id, "live", "note");
      await store.sync();
      const again = await reopen();
      equal((await again.get("alice"))?.move, "note");
      equal(await again.read(id, ["a"]), ["x"]);
      equal((await again.head(id))?.n, 1);
      equal(ids(await inbox(again, "alice")), ["x"]);
    },
  },
};
