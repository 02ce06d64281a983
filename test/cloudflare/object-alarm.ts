import assert from "node:assert/strict";
import type { ObjectContext } from "../../src/backends/cloudflare/platform.ts";
import type { DurableObjectStore } from "../../src/stores/durable-object.ts";
import { claim, create, envelope, idOf, logRow, mail, tick } from "../../src/testing/store/kit.ts";

/** What a case is about: a new store, and the storage below it. */
interface Fixture {
  readonly store: DurableObjectStore;
  readonly storage: ObjectContext["storage"];
}

const MINUTE = 60_000;

/** When the alarm of a Durable Object goes off, as its store keeps it. */
export const ALARMS: Readonly<Record<string, (fixture: Fixture) => Promise<void>>> = {
  "the alarm for mail that cannot be sent is when it is to be tried again": async (fixture) => {
    const { store, storage } = fixture;
    const now = Date.now();
    await create(store, "alice");
    await tick(store, "alice", { send: [envelope("bob", "out")] });
    await store.rest(now);
    const first = (await storage.getAlarm())!;
    assert.ok(first > now && first <= now + MINUTE, "nobody has said when: soon");
    store.remind("mail", now + 10 * MINUTE);
    store.remind("move", now + 20 * MINUTE);
    await store.rest(now);
    assert.equal(await storage.getAlarm(), now + 10 * MINUTE);
    store.remind("mail", undefined);
    await store.sent((await store.outbox(0, 1)).map((row) => ({ row })));
    await store.rest(now);
    assert.equal(await storage.getAlarm(), now + 20 * MINUTE);
    store.remind("move", undefined);
    await store.rest(now);
    assert.equal(await storage.getAlarm(), null);
  },

  "a commit that fails leaves due what was due": async ({ store, storage }) => {
    const now = Date.now();
    await create(store, "alice");
    const held = await claim(store, "alice", now);
    await store.release(held, now + MINUTE);
    await store.rest(now);
    assert.equal(await storage.getAlarm(), now + MINUTE);
    const again = await claim(store, "alice", now);
    // The number of its record is another one.
    await assert.rejects(store.commit(again, { log: logRow(9), wakeAt: null }));
    await store.release(again);
    await store.rest(now);
    assert.ok((await storage.getAlarm()) !== null);
    await store.remove(idOf("alice"));
    await store.rest(now);
    assert.equal(await storage.getAlarm(), null);
  },

  "the alarm for mail that cannot be taken is the later, the longer it waits": async (fixture) => {
    const { store, storage } = fixture;
    const now = Date.now();
    await create(store, "alice");
    await store.deliver([mail(envelope("alice", "waits"), {}, now - 10 * MINUTE)]);
    await store.rest(now);
    assert.equal(await storage.getAlarm(), now + 5 * MINUTE);
    await store.rest(now + 1000 * MINUTE);
    assert.equal(await storage.getAlarm(), now + 1010 * MINUTE);
    const held = await claim(store, "alice", now);
    await store.release(held, now + MINUTE);
    await store.rest(now);
    assert.equal(await storage.getAlarm(), now + MINUTE);
    assert.equal(await store.depth(idOf("alice")), 1);
  },
};
