import * as fc from "fast-check";
import type { AgentStatus } from "../../src/core/agent.ts";
import type { Claim, Store } from "../../src/core/ports/store.ts";
import { NOW, agent, envelope, idOf, logRow, mail } from "../../src/testing/store/kit.ts";

/** When no claim of the operations is good any more. */
const LATE = NOW + 3_600_000;

/** One call of a store, with all it needs but the store. Gives what an observer sees. */
export type Operation = (store: Store, claims: Map<string, Claim>) => Promise<unknown>;

const name = fc.constantFrom("a", "b", "c");
const id = fc.constantFrom("1", "2", "3", "4", "5");
const position = fc.integer({ min: 1, max: 14 });
const path = fc.constantFrom("", "d/", "d/1", "d/é", "d/\uff5e", "d/🦊", "d0", "e", "\u{10ffff}");
const value = fc.oneof(fc.constantFrom("", "text", "ünï 🦊"), fc.uint8Array({ maxLength: 9 }));
const file = fc.record({ path, value });
const time = fc.integer({ min: -5, max: 5 }).map((offset) => NOW + offset);
const priority = fc.constantFrom(undefined, 0, 1, -1);
const status = fc.constantFrom<AgentStatus>(
  "creating",
  "live",
  "live",
  "failed",
  "paused",
  "terminated",
  "arriving",
  "moved",
);
const labels = fc.constantFrom([], ["x"], ["x", "y"], ["y", "z"]);
const few = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 2 });
const letter = fc.record({ to: name, id, priority }).map(({ to, id, priority }) => {
  return envelope(to, id, priority === undefined ? {} : { priority });
});
const policy = fc.record({
  depth: fc.constantFrom(0, 1, 2, 9),
  overflow: fc.constantFrom("reject-new", "drop-oldest", "dead-letter"),
});
/** Mostly without what makes a commit stale. */
const rarely = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 1, size: "xsmall" });
const changes = fc.record(
  {
    put: few(file),
    remove: few(path),
    ack: rarely(position),
    retry: rarely(fc.record({ position, notBefore: time, attempts: fc.nat(3) })),
    bury: few(
      fc.record({ envelope: letter, attempts: fc.nat(3), reason: fc.constantFrom("x", "y") }),
    ),
    send: few(letter),
    wakeAt: fc.option(time),
    status,
  },
  { requiredKeys: [] },
);

const note = fc.constantFrom(undefined, null, "note");
const part = fc.record({
  files: few(file),
  /** How far a row is off the next one. */
  log: few(fc.constantFrom(0, 0, 0, 1)),
  seen: few(fc.record({ id: fc.constantFrom("4", "5", "6"), at: time })),
  mail: few(
    fc.record({ letter, at: time, attempts: fc.nat(3), notBefore: time, dead: fc.boolean() }),
  ).map((rows) =>
    rows.map(({ letter, dead, ...row }) => {
      return { ...row, envelope: letter, ...(dead && { reason: "x" }) };
    }),
  ),
});

/** Claims are kept by agent, the newest one and the one before. */
function remembered(claims: Map<string, Claim>, name: string, old: boolean): Claim {
  return claims.get(old ? `old ${name}` : name) ?? { id: idOf(name), fence: 0 };
}

/** Agents and mail to begin with, so that most calls have something to work on. */
export async function prepare(store: Store): Promise<void> {
  for (const name of ["a", "b"]) {
    await store.create(agent(name), envelope(name, "1"));
    await store.deliver([mail(envelope(name, "2")), mail(envelope(name, "3"))]);
  }
}

/** Any call of a store, on three agents that share names, ids and paths. */
export const operation: fc.Arbitrary<readonly [label: string, run: Operation]> = fc.oneof(
  of(
    "create",
    { weight: 3 },
    { name, alias: name, status, id, labels },
    (store, { name, alias, status, labels, id }) =>
      store.create(agent(name, { name: alias, status, labels }), envelope(name, id)),
  ),
  of(
    "update",
    { weight: 2 },
    { name, alias: fc.constantFrom(undefined, "a", "b", "c"), labels: fc.option(labels) },
    (store, { name, alias, labels }) =>
      store.update(idOf(name), { name: alias, labels: labels ?? undefined }),
  ),
  of("setStatus", {}, { name, status, move: note }, (store, { name, status, move }) =>
    store.setStatus(idOf(name), status, move),
  ),
  of("clear", {}, { name }, (store, { name }) => store.clear(idOf(name))),
  of("restore", { weight: 3 }, { name, part }, async (store, { name, part }) => {
    const head = await store.head(idOf(name));
    const log = part.log.map((offset, i) => logRow((head?.n ?? 0) + 1 + i + offset));
    await store.restore(idOf(name), { ...part, log });
  }),
  of("remove", {}, { name }, (store, { name }) => store.remove(idOf(name))),
  of("reserve", {}, { above: fc.integer({ min: -1, max: 6 }) }, (store, { above }) =>
    store.reserve(above),
  ),
  of(
    "list",
    { weight: 2 },
    {
      limit: fc.integer({ min: 1, max: 3 }),
      after: fc.nat(3),
      label: fc.constantFrom(undefined, "x", "y", "w"),
      status: fc.constantFrom<AgentStatus | undefined>(undefined, undefined, "live"),
    },
    (store, { after, ...query }) => store.list({ ...query, cursor: String(after) }),
  ),
  of(
    "deliver",
    { weight: 8 },
    { mail: fc.array(fc.record({ letter, policy, at: time }), { maxLength: 3 }) },
    (store, all) => store.deliver(all.mail.map((one) => mail(one.letter, one.policy, one.at))),
  ),
  of("replay", {}, { name, id }, (store, { name, id }) => store.replay(idOf(name), id)),
  of(
    "discard",
    {},
    { name, id, files: fc.constantFrom(undefined, "d/") },
    (store, { name, id, files }) => store.discard(idOf(name), id, files),
  ),
  of("forget", {}, { before: time, limit: fc.nat(3) }, (store, { before, limit }) =>
    store.forget(before, limit),
  ),
  of(
    "sent",
    { weight: 2 },
    { limit: fc.nat(2), reason: fc.constantFrom(undefined, "gone") },
    async (store, { limit, reason }) => {
      const rows = await store.outbox(0, limit);
      await store.sent(rows.map((row) => (reason === undefined ? { row } : { row, reason })));
    },
  ),
  of(
    "claim",
    { weight: 6 },
    { name, now: time, until: fc.oneof(time, fc.constant(NOW + 9)) },
    async (store, q, claims) => {
      const claim = await store.claim(idOf(q.name), q.now, q.until);
      if (claim === undefined) return false;
      const before = claims.get(q.name);
      if (before !== undefined) claims.set(`old ${q.name}`, before);
      claims.set(q.name, claim);
      return true;
    },
  ),
  of("renew", {}, { name, old: fc.boolean(), until: time }, (store, q, claims) =>
    store.renew(remembered(claims, q.name, q.old), q.until),
  ),
  of(
    "release",
    {},
    { name, old: fc.boolean(), wakeAt: fc.option(time) },
    (store, { name, old, wakeAt }, claims) => store.release(remembered(claims, name, old), wakeAt),
  ),
  of("journal", {}, { name, old: fc.boolean(), files: few(file) }, (store, q, claims) =>
    store.journal(remembered(claims, q.name, q.old), q.files),
  ),
  of(
    "commit",
    { weight: 10 },
    { name, old: fc.constantFrom(false, false, false, true), changes },
    async (store, { name, old, changes }, claims) => {
      const head = await store.head(idOf(name));
      const log = logRow((head?.n ?? 0) + 1);
      await store.commit(remembered(claims, name, old), { ...changes, log });
    },
  ),
  of(
    "tick",
    { weight: 10 },
    { name, count: fc.nat(2), changes },
    async (store, { name, count, changes }) => {
      const claim = await store.claim(idOf(name), NOW + 99, NOW + 99);
      const head = await store.head(idOf(name));
      const log = logRow((head?.n ?? 0) + 1);
      const taken = await store.waiting(idOf(name), { limit: count });
      const ack = taken.map((row) => row.position);
      if (claim) await store.commit(claim, { ...changes, retry: [], ack, log });
    },
  ),
  of("sync", {}, {}, (store) => store.sync()),
);

function of<T extends object>(
  label: string,
  { weight = 1 }: { readonly weight?: number },
  arguments_: { [K in keyof T]: fc.Arbitrary<T[K]> },
  run: (store: Store, given: T, claims: Map<string, Claim>) => Promise<unknown>,
): fc.WeightedArbitrary<readonly [string, Operation]> {
  const arbitrary = fc.record<T>(arguments_).map((given) => {
    const text = `${label} ${JSON.stringify(given)}`;
    const operation: Operation = (store, claims) => run(store, given, claims);
    return [text, operation] as const;
  });
  return { arbitrary, weight };
}

/** What an operation gives, or the code it rejects with. */
export async function outcome(result: Promise<unknown>): Promise<unknown> {
  try {
    return await result;
  } catch (error) {
    return { code: (error as { code?: unknown }).code ?? String(error) };
  }
}

/** Everything that can be seen in a store. */
export async function view(store: Store): Promise<unknown> {
  const agents = await Promise.all(
    ["a", "b", "c"].map(async (name) => {
      const id = idOf(name);
      const found = { id: await store.get(id), name: await store.get(name) };
      if (found.id === undefined) return found;
      return {
        found,
        key: await store.get(agent(name).publicKey),
        depth: await store.depth(id),
        seen: await store.seen(id, { limit: 99 }),
        waiting: await store.waiting(id, { limit: 99 }),
        inbox: await store.mail(id, { box: "inbox", limit: 99 }),
        dead: await store.mail(id, { box: "deadletter", limit: 99 }),
        files: await store.files(id, { prefix: "", limit: 99 }),
        below: await store.files(id, { prefix: "d/", after: "d/1", limit: 2 }),
        read: await store.read(id, ["d/1", "e"]),
        head: await store.head(id),
        log: await store.log(id, 0, 99),
      };
    }),
  );
  return {
    agents,
    list: await store.list({ limit: 99 }),
    live: await store.list({ limit: 99, status: "live" }),
    outbox: await store.outbox(0, 99),
    // After the end of every claim: what is held is passed over, and a restart drops claims.
    due: await store.due({ now: LATE, limit: 99, mail: false }),
    mailed: (await store.due({ now: LATE, limit: 99, mail: true })).agents.toSorted(),
  };
}
