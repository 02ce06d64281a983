import type { Envelope } from "../../core/envelope.ts";
import type { TreeRow, Value } from "../../core/ports/store.ts";
import { equal, ok, rejects } from "../assert.ts";
import {
  NOW,
  claim,
  create,
  dead,
  deliver,
  envelope,
  idOf,
  ids,
  inbox,
  logRow,
  mail,
  positionOf,
  tick,
} from "./kit.ts";
import type { StoreCases } from "./kit.ts";

const MIB = 1024 * 1024;

/** Compared here, for to print a difference of megabytes helps nobody. */
function same(a: Value | undefined, b: Value): boolean {
  if (typeof a === "string" || typeof b === "string") return a === b;
  return a !== undefined && a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Files whose value is their path. */
function named(...paths: string[]): TreeRow[] {
  return paths.map((path) => ({ path, value: path }));
}

export const LEDGER: StoreCases = {
  cases: {
    "values of any size and kind come back as they were": async ({ store }) => {
      await create(store, "alice");
      const bytes = (size: number): Uint8Array => new Uint8Array(size).map((_, i) => i % 251);
      const files: TreeRow[] = [
        { path: "empty", value: "" },
        { path: "text", value: "x".repeat(3 * MIB) },
        // Three bytes each, and four for every second pair: no part may end inside of one.
        { path: "wide", value: "\u20ac\u{1f600}".repeat(500_001) },
        { path: "mark", value: "\u00017" },
        { path: "bytes", value: bytes(5 * MIB) },
        { path: "few bytes", value: bytes(3) },
      ];
      await tick(store, "alice", { put: files });
      const read = async (): Promise<void> => {
        const values = await store.read(
          idOf("alice"),
          files.map(({ path }) => path),
        );
        for (const [i, { path, value }] of files.entries()) {
          ok(same(values[i], value), `the value of "${path}"`);
        }
      };
      await read();
      const listed = await store.files(idOf("alice"), { prefix: "", limit: 100 });
      for (const { path, value } of listed) {
        ok(same(value, files.find((file) => file.path === path)!.value), `"${path}" in a list`);
      }
      // Written again, shorter and longer, and removed.
      await tick(store, "alice", { put: [{ path: "text", value: "short" }] });
      equal(await store.read(idOf("alice"), ["text"]), ["short"]);
      await tick(store, "alice", { put: files, remove: ["mark"] });
      await read();
      await tick(store, "alice", { remove: files.map(({ path }) => path) });
      equal(await store.files(idOf("alice"), { prefix: "", limit: 100 }), []);
    },

    "mail and records of 3 MB pass through every box": async ({ store }) => {
      await create(store, "alice");
      const payload = "\u20ac".repeat(MIB);
      const large = (id: string) => ({ ...envelope("alice", id), payload });
      const [receipt] = await store.deliver([mail(large("1"))]);
      equal(receipt, "accepted");
      equal(await store.deliver([mail(large("1"))]), ["duplicate"]);
      const [row] = await inbox(store, "alice");
      ok(row?.envelope.payload === payload, "the payload of what waits");
      await tick(store, "alice", {
        ack: [row.position],
        send: [large("2")],
        bury: [{ envelope: large("3"), attempts: 1, reason: "why" }],
        log: { record: payload, output: payload },
      });
      const [sent] = await store.outbox(0, 10);
      ok(sent?.envelope.payload === payload, "the payload of what is sent");
      const [buried] = await dead(store, "alice");
      ok(buried?.envelope.payload === payload, "the payload of a dead letter");
      const [logged] = await store.log(idOf("alice"), 1, 10);
      ok(logged?.record === payload && logged.output === payload, "the record");
      await store.sent([{ row: sent, reason: "nobody" }]);
      equal((await dead(store, "alice")).length, 2);
      equal(await store.replay(idOf("alice"), "3"), true);
      ok((await inbox(store, "alice"))[0]?.envelope.payload === payload, "what is replayed");
      equal(await store.discard(idOf("alice"), "2"), true);
    },

    "read() gives values by path and undefined where there is no file": async ({ store }) => {
      await create(store, "alice", "bob");
      await tick(store, "alice", { put: named("a", "b/c") });
      equal(await store.read(idOf("alice"), ["b/c", "b", "a", "A", "a"]), [
        "b/c",
        undefined,
        "a",
        undefined,
        "a",
      ]);
      equal(await store.read(idOf("bob"), ["a"]), [undefined]);
      equal(await store.read(idOf("alice"), []), []);
    },

    "values come back as they were put: text as text, bytes as bytes": async ({ store }) => {
      await create(store, "alice");
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
      const values = ["", "a\u0000b", "ünï 🦊", "12", "null", new Uint8Array(), bytes];
      const put = values.map((value, i) => ({ path: `v/${i}`, value }));
      await tick(store, "alice", { put });
      const paths = put.map((row) => row.path);
      const read = await store.read(idOf("alice"), paths);
      equal(read, values);
      ok(read[6] instanceof Uint8Array, "bytes as Uint8Array");
      equal(await store.files(idOf("alice"), { prefix: "v/", limit: 9 }), put);
      bytes.fill(0);
      read[6].fill(1);
      equal(
        (await store.read(idOf("alice"), ["v/6"]))[0],
        Uint8Array.from(bytes, (_, i) => i),
      );
    },

    "values of 5 MiB come back whole": async ({ store }) => {
      await create(store, "alice");
      const text = "0123456789abcdéf".repeat((5 * MIB) / 16);
      const bytes = new Uint8Array(5 * MIB).map((_, i) => i % 251);
      await tick(store, "alice", {
        put: [
          { path: "big/text", value: text },
          { path: "big/bytes", value: bytes },
        ],
      });
      const [readText, readBytes] = await store.read(idOf("alice"), ["big/text", "big/bytes"]);
      ok(readText === text, "the same text");
      equal(readBytes, bytes);
      await tick(store, "alice", { put: [{ path: "big/text", value: "small" }] });
      equal(await store.read(idOf("alice"), ["big/text"]), ["small"]);
    },

    "files() gives paths by their UTF-8 bytes": async ({ store }) => {
      await create(store, "alice", "bob");
      const sorted = ["", "A", "a", "a b", "a/b", "a0", "aa", "z", "é", "\uff5e", "🦊", "🦊b"];
      await tick(store, "alice", { put: named(...sorted.toReversed()) });
      await tick(store, "bob", { put: named("a", "q") });
      equal(await store.files(idOf("alice"), { prefix: "", limit: 99 }), named(...sorted));
      equal(await store.files(idOf("alice"), { prefix: "", after: "é", limit: 2 }), [
        ...named("\uff5e", "🦊"),
      ]);
    },

    "files() keeps to the prefix, after a path, up to the limit": async ({ store }) => {
      await create(store, "alice");
      const put = named("a", "a/", "a/1", "a/2", "a/\u{10ffff}", "a0", "b", "\u{10ffff}x");
      await tick(store, "alice", { put });
      const files = async (prefix: string, after?: string, limit = 9) =>
        (await store.files(idOf("alice"), { prefix, after, limit })).map((row) => row.path);
      equal(await files("a/"), ["a/", "a/1", "a/2", "a/\u{10ffff}"]);
      equal(await files("a/", "a/1"), ["a/2", "a/\u{10ffff}"]);
      equal(await files("a/", "a/1", 1), ["a/2"]);
      equal(await files("a/", "a"), ["a/", "a/1", "a/2", "a/\u{10ffff}"]);
      equal(await files("a/", "a0"), []);
      equal(await files("a/\u{10ffff}"), ["a/\u{10ffff}"]);
      equal(await files("\u{10ffff}"), ["\u{10ffff}x"]);
      equal(await files("c"), []);
    },

    "commit() removes files and all below a directory, before it puts": async ({ store }) => {
      await create(store, "alice");
      await tick(store, "alice", { put: named("a", "d", "d/1", "d/2/3", "d0", "e", "é/1") });
      await tick(store, "alice", {
        remove: ["a", "d/", "nothing", "none/", "é/"],
        put: [
          { path: "d/1", value: "new" },
          { path: "a", value: "again" },
        ],
      });
      equal(await store.files(idOf("alice"), { prefix: "", limit: 9 }), [
        { path: "a", value: "again" },
        { path: "d", value: "d" },
        { path: "d/1", value: "new" },
        { path: "d0", value: "d0" },
        { path: "e", value: "e" },
      ]);
    },

    "head() and log() give the trajectory": async ({ store }) => {
      await create(store, "bob");
      await store.create(
        { ...(await store.get("bob"))!, id: idOf("al"), publicKey: "a1", name: "al" },
        envelope("al", "hello"),
      );
      equal(await store.head(idOf("al")), undefined);
      equal(await store.log(idOf("al"), 0, 9), []);
      const held = await claim(store, "al");
      const rows = [1, 2, 3].map((n) => ({
        ...logRow(n),
        output: n === 2 ? '{"é":1}' : undefined,
      }));
      for (const log of rows) await store.commit(held, { log });
      equal(await store.head(idOf("al")), { n: 3, hash: "hash-3" });
      equal(await store.log(idOf("al"), 0, 9), rows);
      equal(await store.log(idOf("al"), 1, 1), [rows[1]]);
      equal(await store.log(idOf("al"), 3, 9), []);
    },

    "waiting() gives mail by falling priority, then by position": async ({ store }) => {
      await create(store, "alice");
      const priorities = [undefined, 5, 0, -100, 5, 100];
      await store.deliver(
        priorities.map((priority, i) =>
          mail(envelope("alice", String(i), priority === undefined ? {} : { priority })),
        ),
      );
      equal(ids(await inbox(store, "alice")), ["5", "1", "4", "0", "2", "3"]);
      const page = await store.waiting(idOf("alice"), { limit: 2 });
      equal(ids(page), ["5", "1"]);
      const next = await store.waiting(idOf("alice"), { limit: 3, after: page[1] });
      equal(ids(next), ["4", "0", "2"]);
      const last = await store.waiting(idOf("alice"), { limit: 3, after: next[2] });
      equal(ids(last), ["3"]);
      equal(await store.waiting(idOf("alice"), { limit: 2, after: last[0] }), []);
    },

    "waiting() passes over senders, but not their commands, and finds what is urgent": async ({
      store,
    }) => {
      await create(store, "alice");
      const id = idOf("alice");
      const control = { source: "control", priority: 100 } as const;
      const sent: readonly Partial<Envelope>[] = [
        { from: "x" },
        { from: "y", priority: -1 },
        { from: "x", ...control },
        { from: "x", type: "response", replyTo: "r" },
        { from: "y", type: "response" },
        { from: "z" },
      ];
      await store.deliver(sent.map((one, i) => mail(envelope("alice", String(i), one))));
      const all = await store.waiting(id, { limit: 9 });
      equal(ids(all), ["2", "0", "3", "4", "5", "1"]);
      const but = async (...except: string[]) => store.waiting(id, { limit: 9, except });
      equal(ids(await but("x")), ["2", "4", "5", "1"]);
      equal(ids(await but("x", "y", "none")), ["2", "5"]);
      equal(ids(await store.waiting(id, { limit: 1, after: all[1], except: ["x"] })), ["4"]);
      equal(ids(await store.waiting(id, { limit: 9, urgent: true })), ["2", "3"]);
      equal(ids(await store.waiting(id, { limit: 9, urgent: true, except: ["x"] })), ["2"]);
      // Also what was a dead letter before.
      await tick(store, "alice", {
        bury: [{ envelope: envelope("alice", "0", sent[0]), attempts: 1, reason: "Failed" }],
      });
      await store.replay(id, "0");
      equal(ids(await but("x")), ["2", "4", "5", "1"]);
      equal(ids(await but("y")), ["2", "0", "3", "5"]);
    },

    "waiting() gives mail that is put off or expired as well": async ({ store }) => {
      await create(store, "alice");
      await store.deliver([mail(envelope("alice", "1", { expiresAt: 1 }))]);
      const position = await positionOf(store, "alice", "1");
      await tick(store, "alice", { retry: [{ position, notBefore: NOW + 999, attempts: 2 }] });
      const [row] = await inbox(store, "alice");
      equal([row?.notBefore, row?.attempts, row?.position], [NOW + 999, 2, position]);
      equal(row?.envelope.expiresAt, 1);
      equal(await store.depth(idOf("alice")), 1);
    },

    "commit() changes all that one tick changes": async ({ store }) => {
      await create(store, "alice");
      await deliver(store, "alice", "done", "later", "dead");
      await tick(store, "alice", {
        put: named("state"),
        ack: [await positionOf(store, "alice", "done")],
        retry: [{ position: await positionOf(store, "alice", "later"), notBefore: 5, attempts: 1 }],
        bury: [
          { envelope: envelope("alice", "dead"), attempts: 4, reason: "Waited" },
          { envelope: envelope("alice", "done"), attempts: 1, reason: "Was done" },
          { envelope: envelope("alice", "new", { sentAt: NOW - 7 }), attempts: 0, reason: "New" },
        ],
        send: [envelope("bob", "out")],
        wakeAt: NOW + 1,
        status: "quarantined",
      });
      equal(ids(await inbox(store, "alice")), ["later"]);
      const letters = await dead(store, "alice");
      equal(
        letters.map((row) => [row.envelope.id, row.attempts, row.reason, row.at]),
        [
          ["done", 1, "Was done", NOW],
          ["dead", 4, "Waited", NOW],
          ["new", 0, "New", NOW - 7],
        ],
      );
      equal(letters[0]?.envelope, envelope("alice", "done"));
      equal(ids(await store.outbox(0, 9)), ["out"]);
      equal((await store.get("alice"))?.status, "quarantined");
      equal(await store.head(idOf("alice")), { n: 2, hash: "hash-2" });
      equal(await store.depth(idOf("alice")), 1);
      equal(await deliver(store, "alice", "new"), ["duplicate"]);
    },

    "commit() changes nothing when the claim, the n or an acknowledged position is stale": async ({
      store,
    }) => {
      await create(store, "alice", "bob");
      await deliver(store, "alice", "1", "2", "3");
      await deliver(store, "bob", "1");
      const one = await positionOf(store, "alice", "1");
      const two = await positionOf(store, "alice", "2");
      const bobs = await positionOf(store, "bob", "1");
      await tick(store, "alice", { ack: [one] });
      const lost = await claim(store, "alice");
      await store.release(lost);
      const held = await claim(store, "alice");
      const retry = { position: two, notBefore: 9, attempts: 9 };
      const all = {
        log: logRow(3),
        put: named("x"),
        remove: ["state"],
        ack: [two],
        bury: [{ envelope: envelope("alice", "3"), attempts: 1, reason: "No" }],
        send: [envelope("bob", "out")],
        wakeAt: 1,
        status: "failed",
      } as const;
      const before = await inbox(store, "alice");
      const stale = [
        [lost, all],
        [{ id: idOf("alice"), fence: held.fence + 1 }, all],
        [{ id: idOf("nobody"), fence: held.fence }, all],
        [held, { ...all, log: logRow(2) }],
        [held, { ...all, log: logRow(4) }],
        [held, { ...all, ack: [one] }],
        [held, { ...all, ack: [two, one] }],
        [held, { ...all, ack: [bobs] }],
        [held, { ...all, ack: [two, two] }],
        [held, { ...all, ack: [two + 1000] }],
        [held, { ...all, retry: [retry] }],
        [held, { ...all, ack: [], retry: [{ ...retry, position: one }] }],
        [held, { ...all, retry: [{ ...retry, position: bobs }] }],
      ] as const;
      for (const [claim, changes] of stale) {
        await rejects(store.commit(claim, changes), "STALE_CLAIM");
      }
      equal(await inbox(store, "alice"), before);
      equal(ids(await inbox(store, "bob")), ["1"]);
      equal(await dead(store, "alice"), []);
      equal(await store.files(idOf("alice"), { prefix: "", limit: 9 }), []);
      equal(await store.outbox(0, 9), []);
      equal((await store.due({ now: NOW, limit: 9, mail: false })).agents, []);
      equal((await store.get("alice"))?.status, "live");
      equal(await store.head(idOf("alice")), { n: 2, hash: "hash-2" });
      await store.commit(held, all);
    },

    "journal() writes files at once and rejects for a stale claim": async ({ store }) => {
      await create(store, "alice");
      const held = await claim(store, "alice");
      await store.journal(held, named("journal/1", "journal/2"));
      equal(await store.read(held.id, ["journal/1"]), ["journal/1"]);
      equal(await store.head(held.id), { n: 1, hash: "hash-1" });
      await store.commit(held, { log: logRow(2), remove: ["journal/"] });
      equal(await store.read(held.id, ["journal/1", "journal/2"]), [undefined, undefined]);
      await store.release(held);
      await rejects(store.journal(held, named("journal/3")), "STALE_CLAIM");
      equal(await store.read(held.id, ["journal/3"]), [undefined]);
    },
  },
};
