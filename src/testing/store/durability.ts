import { equal, ok, rejects } from "../assert.ts";
import {
  NOW,
  agent,
  claim,
  create,
  dead,
  deliver,
  envelope,
  idOf,
  ids,
  inbox,
  logRow,
  positionOf,
  tick,
} from "./kit.ts";
import type { StoreCases } from "./kit.ts";

export const DURABILITY: StoreCases = {
  cases: {
    "sync() resolves with nothing to do, and for many callers at once": async ({ store }) => {
      await store.sync();
      await create(store, "alice");
      await Promise.all([store.sync(), store.sync(), deliver(store, "alice", "1"), store.sync()]);
      await store.sync();
      equal(ids(await inbox(store, "alice")), ["1"]);
    },

    "changes are seen before they are durable": async ({ store }) => {
      await create(store, "alice");
      const delivered = deliver(store, "alice", "1");
      const depth = store.depth(idOf("alice"));
      equal(await delivered, ["accepted"]);
      equal(await depth, 1);
    },

    "a rejected change does not undo the others of its turn": async ({ store }) => {
      await create(store, "alice");
      const held = await claim(store, "alice");
      const results = await Promise.allSettled([
        deliver(store, "alice", "1"),
        store.commit(held, { log: logRow(9), put: [{ path: "x", value: "x" }] }),
        store.create(agent("alice"), envelope("alice", "x")),
        store.commit(held, { log: logRow(2), put: [{ path: "y", value: "y" }] }),
        store.sync(),
      ]);
      equal(
        results.map((result) => result.status),
        ["fulfilled", "rejected", "rejected", "fulfilled", "fulfilled"],
      );
      equal(ids(await inbox(store, "alice")), ["1"]);
      equal(await store.read(idOf("alice"), ["x", "y"]), [undefined, "y"]);
    },

    "many agents in one turn each keep their own order": async ({ store }) => {
      const names = Array.from({ length: 20 }, (_, i) => `agent-${i}`);
      await create(store, ...names);
      await Promise.all(
        names.map(async (name) => {
          for (let i = 0; i < 5; i += 1) {
            await deliver(store, name, `${i}`);
            await tick(store, name, { put: [{ path: "count", value: `${i}` }] });
            if (i % 2 === 0) await store.sync();
          }
        }),
      );
      for (const name of names) {
        equal(ids(await inbox(store, name)), ["0", "1", "2", "3", "4"]);
        equal(await store.read(idOf(name), ["count"]), ["4"]);
        equal((await store.head(idOf(name)))?.n, 6);
      }
    },

    "close() is idempotent and other calls then fail": async ({ store }) => {
      await create(store, "alice");
      await store.close();
      await store.close();
      await rejects(store.get("alice"), "STORE");
      await rejects(deliver(store, "alice", "1"), "STORE");
      await rejects(store.due({ now: NOW, limit: 1, mail: true }), "STORE");
      await rejects(store.sync(), "STORE");
    },
  },

  reopening: {
    "all that was synced is there after a restart": async ({ store, reopen }) => {
      await store.create(agent("old"), envelope("old", "hello"));
      await store.remove(idOf("old"));
      await create(store, "alice", "bob");
      await store.setStatus(idOf("bob"), "quarantined");
      await deliver(store, "alice", "done", "dead", "waits");
      const bytes = Uint8Array.from([0, 255, 1]);
      await tick(store, "alice", {
        put: [
          { path: "a", value: "text" },
          { path: "b", value: bytes },
        ],
        ack: [await positionOf(store, "alice", "done")],
        bury: [{ envelope: envelope("alice", "dead"), attempts: 2, reason: "No" }],
        send: [envelope("bob", "out")],
        wakeAt: NOW + 5,
      });
      const view = async (from: typeof store) => [
        await from.list({ limit: 9 }),
        await inbox(from, "alice"),
        await dead(from, "alice"),
        await from.depth(idOf("alice")),
        await from.files(idOf("alice"), { prefix: "", limit: 9 }),
        await from.head(idOf("alice")),
        await from.log(idOf("alice"), 0, 9),
        await from.outbox(0, 9),
        await from.due({ now: NOW + 5, limit: 9, mail: true }),
      ];
      const before = await view(store);
      await store.sync();
      const after = await reopen();
      equal(await view(after), before);
      equal(await deliver(after, "alice", "done", "dead", "new"), [
        "duplicate",
        "duplicate",
        "accepted",
      ]);
    },

    "an agent that another one made is that after a restart": async ({ store, reopen }) => {
      const made = { parent: idOf("alice"), generation: 2, budget: '{"perDay":{"tokens":5}}' };
      await store.create(agent("alice"));
      await store.create(agent("bob", made));
      await store.sync();
      const after = await reopen();
      equal(await after.get("bob"), agent("bob", made));
      equal((await after.get("alice"))?.parent, undefined);
    },

    "a restart drops claims, and fences, accounts and positions go on rising": async ({
      store,
      reopen,
    }) => {
      await create(store, "alice");
      const old = await claim(store, "alice");
      const account = await store.reserve();
      await deliver(store, "alice", "1");
      const position = await positionOf(store, "alice", "1");
      await store.commit(old, {
        log: logRow(2),
        ack: [position],
        send: [envelope("bob", "out")],
      });
      const [out] = await store.outbox(0, 1);
      ok(out, "an outbox row");
      await store.sent([{ row: out }]);
      await store.forget(NOW + 1, 100);
      await store.sync();
      const after = await reopen();
      await rejects(after.commit(old, { log: logRow(3) }), "STALE_CLAIM");
      const young = await claim(after, "alice");
      ok(young.fence > old.fence, "a higher fence");
      ok((await after.reserve()) > account, "a higher account");
      await deliver(after, "alice", "1");
      ok((await positionOf(after, "alice", "1")) > position, "a higher position");
      await after.commit(young, { log: logRow(3), send: [envelope("bob", "out")] });
      ok(((await after.outbox(0, 1))[0]?.seq ?? 0) > out.seq, "a higher seq");
    },

    "a database that was never written is opened again": async ({ store, reopen }) => {
      equal(await store.list({ limit: 1 }), { items: [] });
      await store.sync();
      equal(await (await reopen()).list({ limit: 1 }), { items: [] });
    },
  },
};
