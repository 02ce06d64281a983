import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import type { SQLInputValue } from "node:sqlite";
import { test } from "node:test";
import { relayNotes } from "../../../src/backends/cloudflare/relay-notes.ts";
import type { RelayNotes } from "../../../src/backends/cloudflare/relay-notes.ts";
import { RelaySession } from "../../../src/backends/cloudflare/relay-session.ts";
import { readDirectory } from "../../../src/backends/cloudflare/roster.ts";
import type { AgentRecord, AgentStatus } from "../../../src/core/agent.ts";
import type { NostrDriver } from "../../../src/drivers/nostr.ts";
import { manualClock } from "../../../src/testing/manual-clock.ts";

const DAY = 86_400_000;

function notes(): RelayNotes {
  const db = new DatabaseSync(":memory:");
  const exec = (query: string, ...params: SQLInputValue[]) => {
    const rows = db.prepare(query).all(...params);
    return { toArray: () => rows, rowsWritten: 0 };
  };
  return relayNotes({ sql: { exec } } as unknown as Parameters<typeof relayNotes>[0]);
}

function agent(n: number, more: Partial<AgentRecord> = {}): AgentRecord {
  const publicKey = n.toString(16).padStart(64, "0");
  const [name, type, status] = [`a${n}`, "echo", "live" as AgentStatus];
  return {
    id: `npub${n}`,
    publicKey,
    name,
    type,
    labels: [],
    status,
    account: n,
    createdAt: 0,
    ...more,
  };
}

async function names({ roster }: RelayNotes): Promise<readonly string[]> {
  const { items } = await roster.list({ limit: 1000 });
  return items.map(({ name }) => name);
}

void test("relayNotes() lists who takes mail here, a page at a time, and says who is new", async () => {
  const at = notes();
  assert.equal(at.roster.empty, true);
  assert.deepEqual(
    [1, 2, 3].map((n) => at.roster.settle(agent(n))),
    [true, true, true],
  );
  assert.equal(at.roster.settle(agent(2)), false);
  const first = await at.roster.list({ limit: 2 });
  const second = await at.roster.list({ limit: 2, cursor: first.cursor });
  assert.deepEqual([first.items.length, second.items.length, second.cursor], [2, 1, undefined]);
  for (const status of ["moved", "terminated", "arriving"] as const) {
    assert.equal(at.roster.settle(agent(2, { status })), false);
    assert.deepEqual(await names(at), ["a1", "a3"]);
  }
  assert.equal((await at.roster.get(agent(2).publicKey))?.name, "a2");
  assert.equal(at.roster.settle(agent(2)), true);
  at.roster.drop(agent(1).publicKey);
  assert.deepEqual(await names(at), ["a2", "a3"]);
});

void test("relayNotes() keeps no ticket of an agent that moved, and forgets events in the end", async () => {
  const at = notes();
  at.roster.settle(agent(1, { status: "moved", move: '{"ticket":"secret"}' }));
  assert.equal((await at.roster.get(agent(1).publicKey))?.move, undefined);
  at.taken.add("event");
  at.prune(Date.now() + 2 * DAY);
  assert.equal(at.taken.has("event"), true);
  at.prune(Date.now() + 4 * DAY);
  assert.equal(at.taken.has("event"), false);
});

void test("readDirectory() finds who is new without reading all again, and those that brought a key", async () => {
  const at = notes();
  const shards: AgentRecord[][] = [[], []];
  const asked: (string | undefined)[] = [];
  let broken = false;
  const directory = {
    shards: 2,
    makeEnsured: async () => undefined,
    async entries(shard: number, { cursor, limit }: { cursor?: string; limit: number }) {
      if (broken && shard === 0) throw new Error("It does not answer");
      if (shard === 0) asked.push(cursor);
      const from = Number(cursor ?? 0);
      const items = shards[shard]!.slice(from, from + limit);
      const more = from + limit < shards[shard]!.length;
      return more ? { items, cursor: String(from + limit) } : { items };
    },
  } as unknown as Parameters<typeof readDirectory>[0]["directory"];
  const own = agent(900, { account: null, key: "sealed" });
  const agents = {
    idFromName: (name: string) => name,
    get: (id: unknown) => ({
      fetch: async () => Response.json(id === own.id ? own : null),
    }),
  };
  const read = (): Promise<void> => readDirectory({ directory, roster: at.roster, agents });

  for (let n = 0; n < 250; n += 1) shards[0]!.push(agent(n));
  const coming = agent(501, { status: "arriving" });
  shards[1]!.push(agent(500), agent(900, { account: null }), coming);
  await read();
  assert.equal((await names(at)).length, 252);
  assert.equal((await at.roster.get(own.publicKey))?.key, "sealed");
  assert.deepEqual(asked.splice(0), [undefined, "100", "200"]);
  shards[0]!.push(agent(250));
  await read();
  assert.deepEqual(asked, ["200"]);
  assert.equal((await names(at)).length, 253);
  // One that does not answer does not keep the other from being read.
  broken = true;
  shards[1]!.push(agent(502));
  await assert.rejects(read(), /does not answer/);
  assert.equal((await names(at)).length, 254);
});

/** A session over a driver of which a test says what it has done. */
function session() {
  const clock = manualClock(0);
  const metrics = { received: 0, taken: 0, repeated: 0, published: 0, declined: 0 };
  const relay = { connected: true, caughtUp: true };
  const driver = { metrics: () => ({ ...metrics, relays: [relay] }) } as unknown as NostrDriver;
  const ended = { stopped: 0, done: false };
  const it = new RelaySession({
    after: Promise.resolve(),
    begin: async () => ({ driver, stop: async () => void (ended.stopped += 1) }),
    clock,
    stay: 2000,
    patience: 5000,
    warn: () => undefined,
  });
  void it.done.then(() => (ended.done = true));
  const pass = (ms: number): Promise<void> => clock.advance(ms);
  return { it, metrics, relay, ended, pass };
}

void test("RelaySession stays while something comes or goes, and ends when nothing does", async () => {
  const { it, metrics, ended, pass } = session();
  for (let i = 0; i < 5; i += 1) {
    metrics.received += 1;
    await pass(1500);
    assert.equal(ended.done, false);
  }
  await pass(3000);
  assert.deepEqual([ended.done, ended.stopped, it.over], [true, 1, true]);
});

void test("RelaySession stays while it is used, and until all that was stored is read", async () => {
  const { it, relay, ended, pass } = session();
  const work = Promise.withResolvers<string>();
  const used = it.use(() => work.promise);
  await pass(10_000);
  assert.equal(ended.done, false);
  relay.caughtUp = false;
  work.resolve("done");
  assert.equal(await used, "done");
  await pass(10_000);
  assert.equal(ended.done, false);
  relay.caughtUp = true;
  await pass(3000);
  assert.equal(ended.done, true);
});

void test("RelaySession leaves a relay that cannot be connected to for the next one", async () => {
  const { relay, ended, pass } = session();
  Object.assign(relay, { connected: false, caughtUp: false });
  await pass(4000);
  assert.equal(ended.done, false);
  await pass(4000);
  assert.equal(ended.done, true);
});
