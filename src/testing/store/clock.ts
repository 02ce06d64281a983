import { equal, ok, rejects } from "../assert.ts";
import { NOW, claim, create, deliver, idOf, inbox, logRow, positionOf, tick } from "./kit.ts";
import type { StoreCases } from "./kit.ts";

export const CLOCK: StoreCases = {
  cases: {
    "claim() gives one claim at a time, with rising fences": async ({ store }) => {
      await create(store, "alice", "bob");
      const first = await store.claim(idOf("alice"), NOW, NOW + 10);
      ok(first, "a claim");
      equal(first.id, idOf("alice"));
      equal(await store.claim(idOf("alice"), NOW + 9, NOW + 20), undefined);
      ok(await store.claim(idOf("bob"), NOW, NOW + 10), "a claim on another agent");
      await store.release(first);
      const second = await store.claim(idOf("alice"), NOW, NOW + 10);
      ok(second && second.fence > first.fence, "a higher fence");
    },

    "claim() takes over an expired claim and the old holder's writes fail whole": async ({
      store,
    }) => {
      await create(store, "alice");
      await deliver(store, "alice", "1");
      const position = await positionOf(store, "alice", "1");
      const old = await store.claim(idOf("alice"), NOW, NOW + 10);
      const young = await store.claim(idOf("alice"), NOW + 10, NOW + 20);
      ok(old && young && young.fence > old.fence, "a higher fence");
      const put = [{ path: "x", value: "old" }];
      await rejects(store.commit(old, { log: logRow(2), put, ack: [position] }), "STALE_CLAIM");
      await rejects(store.journal(old, put), "STALE_CLAIM");
      equal(await store.renew(old, NOW + 99), false);
      await store.release(old, NOW);
      equal(await store.read(idOf("alice"), ["x"]), [undefined]);
      equal((await inbox(store, "alice"))[0]?.attempts, 0);
      equal((await store.due({ now: NOW, limit: 1, mail: false })).agents, []);
      equal(await store.claim(idOf("alice"), NOW + 19, NOW + 30), undefined);
      await store.commit(young, { log: logRow(2), ack: [position] });
    },

    "renew() moves the end of a claim": async ({ store }) => {
      await create(store, "alice");
      const held = await store.claim(idOf("alice"), NOW, NOW + 10);
      ok(held, "a claim");
      equal(await store.renew(held, NOW + 100), true);
      equal(await store.claim(idOf("alice"), NOW + 50, NOW + 60), undefined);
      await store.release(held);
      equal(await store.renew(held, NOW + 200), false);
      ok(await store.claim(idOf("alice"), NOW + 50, NOW + 60), "a claim after the release");
    },

    "due() gives agents whose time has come, and the next time after": async ({ store }) => {
      await create(store, "a", "b", "c", "d");
      equal(await store.due({ now: NOW, limit: 9, mail: false }), { agents: [], next: undefined });
      await tick(store, "a", { wakeAt: NOW + 20 });
      await tick(store, "b", { wakeAt: NOW + 10 });
      await tick(store, "c", { wakeAt: NOW + 30 });
      const due = (now: number, limit = 9) => store.due({ now, limit, mail: false });
      equal(await due(NOW + 9), { agents: [], next: NOW + 10 });
      equal(await due(NOW + 10), { agents: [idOf("b")], next: NOW + 20 });
      equal(await due(NOW + 25), { agents: [idOf("b"), idOf("a")], next: NOW + 30 });
      const { agents, next } = await due(NOW + 25, 1);
      equal([agents, next], [[idOf("b")], NOW + 30]);
      await tick(store, "b", {});
      equal((await due(NOW + 10)).agents, [idOf("b")], "no change without wakeAt");
      await tick(store, "b", { wakeAt: null });
      equal((await due(NOW + 99)).agents, [idOf("a"), idOf("c")]);
    },

    "due() passes over agents that do not tick": async ({ store }) => {
      await create(store, "a", "b", "c");
      for (const name of ["a", "b", "c"]) {
        await tick(store, name, { wakeAt: NOW });
        await deliver(store, name, "1");
      }
      await store.setStatus(idOf("a"), "quarantined");
      await store.setStatus(idOf("b"), "creating");
      const due = { now: NOW, limit: 9, mail: false };
      equal(await store.due(due), { agents: [idOf("b"), idOf("c")], next: undefined });
      equal(await store.due({ ...due, mail: true }), {
        agents: [idOf("b"), idOf("c")],
        next: undefined,
      });
      await store.setStatus(idOf("b"), "paused");
      equal((await store.due({ ...due, mail: true })).agents, [idOf("c")]);
      equal((await store.due({ ...due, now: NOW - 1 })).next, NOW);
      await store.setStatus(idOf("b"), "failed");
      await store.setStatus(idOf("c"), "terminated");
      equal(await store.due({ ...due, now: NOW - 1 }), { agents: [], next: undefined });
      await store.setStatus(idOf("a"), "live");
      equal((await store.due(due)).agents, [idOf("a")]);
    },

    "due() with mail gives agents with mail that may be taken": async ({ store }) => {
      await create(store, "a", "b", "c", "d");
      await deliver(store, "c", "1", "2");
      await deliver(store, "a", "1");
      await deliver(store, "d", "1");
      await tick(store, "b", { wakeAt: NOW });
      await tick(store, "d", {
        retry: [{ position: await positionOf(store, "d", "1"), notBefore: NOW + 5, attempts: 1 }],
        wakeAt: NOW + 5,
      });
      await tick(store, "c", { wakeAt: NOW - 1 });
      const due = (now: number, mail: boolean, limit = 9) => store.due({ now, limit, mail });
      equal((await due(NOW, false)).agents, [idOf("c"), idOf("b")]);
      equal(await due(NOW, true), { agents: [idOf("c"), idOf("b"), idOf("a")], next: NOW + 5 });
      equal((await due(NOW + 5, true)).agents.toSorted(), ["a", "b", "c", "d"].map(idOf));
    },

    "due() gives everybody in pages, and nobody who is held": async ({ store }) => {
      const names = ["a", "b", "c", "d", "e"];
      await create(store, ...names);
      for (const name of names) await deliver(store, name, "1");
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await store.due({ now: NOW, limit: 2, mail: true, cursor });
        seen.push(...page.agents);
        cursor = page.cursor;
      } while (cursor !== undefined);
      equal(seen, names.map(idOf));

      for (const name of names) await tick(store, name, { wakeAt: NOW });
      const held = await claim(store, "a");
      await claim(store, "b");
      const timed = await store.due({ now: NOW, limit: 2, mail: false });
      equal(timed.agents, [idOf("c"), idOf("d")]);
      ok(timed.cursor !== undefined, "a cursor: there may be more");
      await store.release(held);
      const rest = await store.due({ now: NOW, limit: 9, mail: false });
      equal([rest.agents, rest.cursor], [["a", "c", "d", "e"].map(idOf), undefined]);
    },

    "release() corrects when the agent is next due": async ({ store }) => {
      await create(store, "alice");
      const next = async () => (await store.due({ now: NOW, limit: 1, mail: false })).next;
      await store.release(await claim(store, "alice"), NOW + 7);
      equal(await next(), NOW + 7);
      await store.release(await claim(store, "alice"));
      equal(await next(), NOW + 7);
      const held = await claim(store, "alice");
      await store.release(held, null);
      equal(await next(), undefined);
      await store.release(held, NOW + 9);
      equal(await next(), undefined, "no effect of a claim that is not good");
    },
  },
};
