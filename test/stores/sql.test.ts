import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { MIGRATIONS } from "../../src/stores/sql/schema.ts";
import type { Sql, SqlValue } from "../../src/stores/sql/sql.ts";
import { INDEX_TABLES } from "../../src/stores/sql/search.ts";
import { sqlStore } from "../../src/stores/sql/store.ts";
import { sqlite, SqliteFile } from "../../src/stores/sqlite.ts";
import { equal, ok, rejects } from "../../src/testing/assert.ts";
import { create, envelope, idOf, mail, tick } from "../../src/testing/store/kit.ts";
import { storeConformance } from "../../src/testing/store-conformance.ts";

/** Every query that a conformance run makes. */
const queries = new Set<string>();

/** Passes on only what Durable Object SQL takes too. */
function strict(sql: Sql): Sql {
  let inside = false;
  const check = (query: string, params: readonly SqlValue[]) => {
    queries.add(query);
    equal(params.length, query.split("?").length - 1, `parameters of ${query}`);
    ok(params.length <= 100, "at most 100 parameters");
    // The one place where SQLite wants them is between the two words of a trigger.
    if (query.startsWith("CREATE TRIGGER")) return;
    const denied = /;|\b(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|PRAGMA|ATTACH|VACUUM|TEMP)\b/i.exec(query);
    equal(denied, null, `words that are denied in ${query}`);
    for (const param of params) {
      if (typeof param === "number") ok(Number.isSafeInteger(param), "whole numbers");
      else ok(["string", "object"].includes(typeof param), "a value that SQLite stores");
    }
  };
  return {
    all(query, ...params) {
      check(query, params);
      ok(/^\s*SELECT/.test(query), `a query that reads, not ${query}`);
      return sql.all(query, ...params);
    },
    run(query, ...params) {
      check(query, params);
      ok(inside, "writes only inside a change");
      return sql.run(query, ...params);
    },
    apply(write) {
      ok(!inside, "no change inside a change");
      inside = true;
      try {
        return sql.apply(write);
      } finally {
        inside = false;
      }
    },
    sync: () => sql.sync(),
    crashed: () => sql.crashed(),
    close: () => sql.close(),
    onLost: (listener) => sql.onLost(listener),
  };
}

const cases = storeConformance(
  async () => {
    const store = sqlStore(strict(new SqliteFile(":memory:")));
    return { store, dispose: () => store.close() };
  },
  { noReopen: "the database is in memory" },
);
for (const { name, skip, run } of cases) void test(`in portable SQL: ${name}`, { skip }, run);

void test("the parts of a large value go with it, by whichever way it goes", async () => {
  const file = new SqliteFile(":memory:");
  const store = sqlStore(file);
  const parts = (): number => file.all<{ n: number }>("SELECT count(*) AS n FROM parts")[0]!.n;
  const large = "x".repeat(1_200_000);
  const id = idOf("alice");
  const letter = (name: string) => ({ ...envelope("alice", name), payload: large });
  await create(store, "alice");
  await tick(store, "alice", { put: [{ path: "a/1", value: large }], log: { record: large } });
  equal(parts(), 6);
  await tick(store, "alice", { put: [{ path: "a/1", value: large }] });
  equal(parts(), 6);
  await tick(store, "alice", { remove: ["a/"], send: [letter("out")] });
  equal(parts(), 6);
  await store.sent([{ row: (await store.outbox(0, 1))[0]! }]);
  equal(parts(), 3);
  await store.deliver([mail(letter("in")), mail(letter("in")), mail(letter("in 2"))]);
  equal(parts(), 9);
  const [first] = await store.waiting(id, { limit: 1 });
  await tick(store, "alice", { ack: [first!.position] });
  equal(parts(), 6);
  await store.remove(id);
  equal(parts(), 0);
  await store.close();
});

/** What may look at every row, and why. */
const SCANS: readonly (readonly [query: RegExp, reason: string])[] = [
  [/^DELETE FROM outbox WHERE agent/, "an agent is removed; the outbox is short"],
  [/FROM sqlite_schema/, "the store is opened"],
  [/^SELECT id FROM agents WHERE id = . OR/, "two index searches, not a scan"],
  [/^SELECT num, .* ORDER BY num LIMIT/s, "a page of all agents, by rowid"],
];

void test("no query scans a table or sorts more than one inbox", () => {
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE openagents_migrations (version INTEGER PRIMARY KEY)");
  for (const statement of [...MIGRATIONS.flat(), ...INDEX_TABLES]) db.exec(statement);
  ok(queries.size > 40, "the queries of a conformance run");
  const scans = [...queries].filter((query) => {
    if (/^\s*(CREATE|ALTER)/.test(query) || SCANS.some(([allowed]) => allowed.test(query)))
      return false;
    const plan = db.prepare(`EXPLAIN QUERY PLAN ${query}`).all();
    const steps = plan.map((row) => String(row["detail"]));
    const sorts = steps.some((step) => step.includes("TEMP B-TREE")) && !/\+pos/.test(query);
    return (
      sorts ||
      steps.some(
        (step) =>
          /^SCAN (?!CONSTANT|json_each)/.test(step) && !isDueMail(step) && !isWordSearch(step),
      )
    );
  });
  equal(scans, []);
  db.close();
});

void test("due() searches only what waits and what is timed", () => {
  const db = new DatabaseSync(":memory:");
  for (const statement of MIGRATIONS.flat()) db.exec(statement);
  const plans = [...queries]
    .filter((query) => /wake_at [<>]=? \?|GROUP BY mail.agent/.test(query))
    .map((query) => {
      const steps = db.prepare(`EXPLAIN QUERY PLAN ${query}`).all();
      return steps.map((row) => String(row["detail"]));
    });
  equal(plans.length, 3);
  const [steps, text] = [plans.flat(), JSON.stringify(plans)];
  equal(steps.filter((step) => step.includes("agents_due")).length, 2, text);
  ok(steps.some(isDueMail), `the index of waiting mail in ${text}`);
  ok(!steps.some((step) => step.includes("TEMP B-TREE")), `no sorting in ${text}`);
  db.close();
});

/** Walking the partial index of mail that waits is what `due` with mail is asked to do. */
function isDueMail(step: string): boolean {
  return step.startsWith("SEARCH mail USING INDEX mail_waiting");
}

/** The index of words is asked for words, or for a row by its number. */
function isWordSearch(step: string): boolean {
  return /^SCAN words VIRTUAL TABLE INDEX \d+:[M=]/.test(step);
}

/** A database of this version, with one agent and its files. */
function databaseOf(version: number, files: Readonly<Record<string, string>>): string {
  const path = join(mkdtempSync(join(tmpdir(), "openagents-")), "agents.db");
  const db = new DatabaseSync(path);
  db.exec("CREATE TABLE openagents_migrations (version INTEGER PRIMARY KEY) STRICT");
  MIGRATIONS.slice(0, version).forEach((statements, i) => {
    for (const statement of statements) db.exec(statement);
    db.exec(`INSERT INTO openagents_migrations (version) VALUES (${i + 1})`);
  });
  db.exec(`INSERT INTO agents (id, public_key, name, alias, type, status, created_at)
    VALUES ('i', 'k', 'ada', 'ada', 't', 'live', 7)`);
  const put = db.prepare("INSERT INTO tree (agent, path, value) VALUES (1, ?, ?)");
  for (const file of Object.entries(files)) put.run(...file);
  db.close();
  return path;
}

const WORD = { words: ["ship"], areas: ["files", "goals", "kv"] as const, limit: 9 };

void test("what a store of an older schema has is found by the first search, and after the first write", async () => {
  const ship = { "memory/files/a": "a ship", "memory/kv/b": '"ship"', "state/c": '"ship"' };
  const many = Object.fromEntries(
    Array.from({ length: 150 }, (_, i) => [`memory/files/x/${1000 + i}`, `file ${i}`]),
  );
  const searched = sqlite(databaseOf(2, { ...ship, ...many }));
  equal(await searched.search("i", WORD), ["memory/kv/b", "memory/files/a"]);
  equal(await searched.search("i", { ...WORD, words: ["149"] }), ["memory/files/x/1149"]);
  await searched.close();

  const path = databaseOf(2, ship);
  const written = sqlite(path);
  const claim = await written.claim("i", 0, 9);
  const put = [{ path: "memory/files/a", value: "an old ship" }];
  await written.commit(claim!, { log: { n: 1, hash: "h", record: "{}", output: undefined }, put });
  await written.close();
  const again = sqlite(path);
  equal(await again.search("i", WORD), ["memory/files/a", "memory/kv/b"]);
  await again.close();
});

const ALL = { words: ["ship"], areas: ["files", "goals", "kv"] as const, limit: 1000 };

/** Much that an older version kept: 400 files of a ship. */
const FLEET = Object.fromEntries(
  Array.from({ length: 400 }, (_, i) => [`memory/files/${1000 + i}`, `ship ${i}`]),
);

void test("a first search of much that is there lets others have their turn, and has what they wrote", async () => {
  const path = databaseOf(2, { ...FLEET, "goals/g": '{"title":"A ship"}' });
  const store = sqlite(path);
  const claim = (await store.claim("i", 0, Number.MAX_SAFE_INTEGER))!;
  let n = 0;
  const change = (changes: { put?: { path: string; value: string }[]; remove?: string[] }) =>
    store.commit(claim, {
      log: { n: (n += 1), hash: `h${n}`, record: "{}", output: undefined },
      ...changes,
    });
  let isDone = false;
  const searching = [store.search("i", ALL), store.search("i", ALL)].map((search) =>
    search.then((found) => {
      isDone = true;
      return found;
    }),
  );
  // Some that is indexed already, and some that is not.
  await change({
    put: [
      { path: "memory/files/1003", value: "no more" },
      { path: "memory/files/1399", value: "a ship, anew" },
      { path: "memory/files/1398", value: "a boat" },
    ],
    remove: ["memory/files/1005", "memory/files/1397"],
  });
  ok(!isDone, "the search goes on");
  const last = await store.search("i", { ...ALL, words: ["anew"] });
  equal(last, ["memory/files/1399"]);
  const numbers = Array.from({ length: 400 }, (_, i) => 1399 - i);
  const left = numbers.filter((i) => ![1003, 1005, 1397, 1398].includes(i));
  const expected = [...left.map((i) => `memory/files/${i}`), "goals/g"];
  for (const found of await Promise.all(searching)) equal(found, expected);
  await change({ put: [{ path: "memory/files/1001", value: "the last ship" }] });
  await store.close();
  const again = sqlite(path);
  equal((await again.search("i", ALL)).slice(0, 2), ["memory/files/1001", "memory/files/1399"]);
  equal((await again.search("i", ALL)).length, expected.length);
  await again.close();
});

void test("a first search that ends in the middle is gone on with after a restart, in the same order", async () => {
  const path = databaseOf(2, FLEET);
  const store = sqlite(path);
  const claim = (await store.claim("i", 0, 9))!;
  const put = [{ path: "memory/files/1200", value: "the newest ship" }];
  // What is written first begins the index, and the rest is for the first search.
  await store.commit(claim, { log: { n: 1, hash: "h", record: "{}", output: undefined }, put });
  const search = store.search("i", ALL);
  const ended = rejects(search, "STORE");
  await store.read("i", ["state/x"]);
  await store.close();
  await ended;
  const db = new DatabaseSync(path);
  const [{ n } = { n: -1 }] = db.prepare("SELECT count(*) AS n FROM found").all() as {
    n: number;
  }[];
  ok(n > 1 && n < 400, `${n} of 400 are indexed`);
  equal(db.prepare("SELECT agent FROM backlogs").all().length, 1);
  equal(db.prepare("SELECT agent FROM searched").all().length, 0);
  db.close();
  const again = sqlite(path);
  const claimed = (await again.claim("i", 10, 19))!;
  const more = [{ path: "memory/files/1100", value: "a newer ship" }];
  await again.commit(claimed, {
    log: { n: 2, hash: "i", record: "{}", output: undefined },
    put: more,
  });
  const found = await again.search("i", ALL);
  equal(found.length, 400);
  equal(new Set(found).size, 400);
  equal(found.slice(0, 3), ["memory/files/1100", "memory/files/1200", "memory/files/1399"]);
  await again.remove("i");
  await again.close();
  const empty = new DatabaseSync(path);
  for (const table of ["found", "words", "searched", "backlogs"]) {
    equal(empty.prepare(`SELECT count(*) AS n FROM ${table}`).get()!["n"], 0);
  }
  empty.close();
});

void test("an agent that remembers nothing has no index, and one that is removed leaves none", async () => {
  const file = new SqliteFile(":memory:");
  const store = sqlStore(file);
  const tables = (): number =>
    file.all("SELECT 1 FROM sqlite_schema WHERE name IN ('words', 'found', 'searched')").length;
  await create(store, "alice", "bob");
  const state = [{ path: "state/a", value: '"ship"' }];
  const peer = { npub: "npub1", names: [], relays: [], trust: "unknown", metAt: 1 };
  const peers = [{ path: "memory/peers/npub1", value: JSON.stringify(peer) }];
  await tick(store, "alice", { put: [...state, ...peers], remove: ["journal/x/", "memory/kv/x"] });
  equal(tables(), 0);
  await tick(store, "alice", { put: [{ path: "memory/kv/a", value: '"ship"' }] });
  equal(tables(), 3);
  const rows = (table: string): number =>
    file.all<{ n: number }>(`SELECT count(*) AS n FROM ${table}`)[0]!.n;
  equal([rows("found"), rows("searched"), rows("words")], [1, 1, 1]);
  await tick(store, "bob", { put: state });
  equal(rows("searched"), 1);
  await store.remove(idOf("alice"));
  equal([rows("found"), rows("searched"), rows("words")], [0, 0, 0]);
  await store.close();
});

void test("a store of the first schema is brought up to date, its agents with no labels", async () => {
  const store = sqlite(databaseOf(1, {}));
  equal((await store.get("ada"))?.labels, []);
  await store.update("i", { labels: ["x"] });
  equal((await store.list({ limit: 9, label: "x" })).items.length, 1);
  await store.close();
});
