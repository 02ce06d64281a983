import assert from "node:assert/strict";
import { before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { packTar, unpackTar } from "modern-tar";
import type { TarEntry } from "modern-tar";
import { peekManifest, readBundle } from "../../src/core/bundle/read.ts";
import type { BundleLimits, Piece } from "../../src/core/bundle/read.ts";
import { whileSent } from "../../src/core/bundle/stall.ts";
import type { OpenAgentsError } from "../../src/index.ts";
import { bytesOf, homes, streamOf } from "./homes.ts";
import type { TestHome } from "./homes.ts";

const LIMITS: BundleLimits = {
  fileBytes: 1_000_000,
  rowsBytes: 1_000_000,
  totalBytes: 10_000_000,
  entries: 1000,
};
/** How many fuzzed bundles are read; more with FC_RUNS. */
const RUNS = Number(process.env["FC_RUNS"] ?? 300);

/** A home that the bundles are for, and a bundle with something of everything. */
let there: TestHome;
let bundle: Uint8Array;
let entries: readonly Entry[];

interface Entry {
  readonly name: string;
  readonly text: string;
}

before(async () => {
  const { clock, homes: all } = await homes(2);
  const [home] = all as [TestHome, TestHome];
  there = all[1]!;
  await home.runtime.create({ name: "ada", type: "traveller" });
  await clock.advance(0);
  for (const payload of ["one", "alarm 2h", "fail", "two"]) {
    await home.runtime.send("ada", { payload, id: payload.replace(" ", "-") });
    await clock.advance(0);
  }
  const { publicKey: to } = await there.runtime.identity();
  bundle = await bytesOf(await home.runtime.export("ada", { to }));
  const decoder = new TextDecoder();
  entries = (await unpackTar(bundle)).map(({ header, data }) => ({
    name: header.name,
    text: decoder.decode(data),
  }));
});

async function pieces(bytes: Uint8Array, limits = LIMITS): Promise<Piece[]> {
  const all: Piece[] = [];
  for await (const piece of readBundle(streamOf(bytes, 1000), limits)) all.push(piece);
  return all;
}

/** An archive of these entries. */
function tar(list: readonly (Entry | TarEntry)[]): Promise<Uint8Array> {
  return packTar(
    list.map((entry) =>
      "header" in entry
        ? entry
        : {
            header: { name: entry.name, size: Buffer.byteLength(entry.text), mtime: new Date(0) },
            body: entry.text,
          },
    ),
  );
}

/** The entries with something else in the place of the one of this name, or after it. */
function instead(name: string, ...others: readonly (Entry | TarEntry)[]): (Entry | TarEntry)[] {
  return entries.flatMap((entry) => (entry.name === name ? others : [entry]));
}

/** Asserts that a bundle is refused, and that nothing of it is kept. */
async function refused(bytes: Uint8Array, code: string, message: RegExp = /./): Promise<void> {
  await assert.rejects(there.runtime.import(streamOf(bytes, 5000)), (error: OpenAgentsError) => {
    assert.equal(error.code, code, error.stack);
    assert.match(error.message, message);
    return true;
  });
  assert.deepEqual((await there.runtime.list()).items, []);
}

void test("a bundle is a tar archive with a manifest, files, rows and an end", async () => {
  const folders = entries.map(({ name }) => name.replace(/\/.*/, ""));
  assert.deepEqual(
    [...new Set(folders)],
    ["manifest.json", "tree", "trajectory", "seen", "mail", "end.json"],
  );
  const manifest = JSON.parse(entries[0]!.text) as Record<string, unknown>;
  assert.deepEqual([manifest["format"], manifest["version"]], ["openagents-bundle", 1]);
  const kinds = (await pieces(bundle)).map((piece) => Object.keys(piece)[0]);
  assert.equal(kinds[0], "manifest");
  assert.equal(kinds.at(-1), "end");
});

void test("peekManifest() gives the manifest and then all of the bundle", async () => {
  for (const piece of [1, 100, 512, 1000, 100_000]) {
    const { manifest, stream } = await peekManifest(streamOf(bundle, piece));
    assert.equal(manifest.agent.name, "ada");
    assert.deepEqual(await bytesOf(stream), bundle);
  }
  for (const bytes of [bundle.subarray(0, 100), bundle.subarray(0, 600), new Uint8Array(2000)]) {
    await assert.rejects(peekManifest(streamOf(bytes)), { code: "CORRUPT" });
  }
  const large = await tar([{ name: "manifest.json", text: " ".repeat(70_000) }]);
  await assert.rejects(peekManifest(streamOf(large)), { code: "CORRUPT" });
});

void test("a bundle that ends too early is CORRUPT wherever it ends", async () => {
  const ends = new Set([0, 1, bundle.length - 1, bundle.length - 512, bundle.length - 1024]);
  for (let block = 512; block < bundle.length - 1024; block += 512) {
    for (const end of [block - 1, block, block + 1]) ends.add(end);
  }
  for (const end of ends) {
    await assert.rejects(pieces(bundle.subarray(0, end)), { code: "CORRUPT" }, `at byte ${end}`);
  }
  for (const end of [0, 600, 2000, bundle.length / 2, bundle.length - 1500, bundle.length - 100]) {
    await refused(bundle.subarray(0, Math.floor(end)), "CORRUPT");
  }
});

void test("a bundle with one byte altered is refused, or is the same bundle", async () => {
  const original = JSON.stringify(await pieces(bundle));
  let same = 0;
  for (let at = 0; at < bundle.length; at += at < 4096 ? 7 : 41) {
    const altered = bundle.slice();
    altered[at] = altered[at]! ^ 0x11;
    try {
      // Padding between entries, which nobody reads.
      assert.equal(JSON.stringify(await pieces(altered)), original, `byte ${at}`);
      same += 1;
    } catch (error) {
      const { code } = error as OpenAgentsError;
      assert.ok(["CORRUPT", "VERSION", "LIMIT"].includes(code), `byte ${at}: ${String(error)}`);
    }
  }
  assert.ok(same < bundle.length / 41);
});

void test("each part of a bundle is protected: another text in it is CORRUPT", async () => {
  for (const { name, text } of entries) {
    if (name === "end.json") continue;
    const digit = text.lastIndexOf("1");
    const at = digit < 0 ? text.length : digit;
    const altered = `${text.slice(0, at)}2${text.slice(at + 1)}`;
    await refused(await tar(instead(name, { name, text: altered })), "CORRUPT");
  }
  const end = entries.at(-1)!;
  const { counts, digest, signature } = JSON.parse(end.text) as Record<string, string>;
  for (const other of [
    {},
    { counts, digest },
    { counts: { ...(counts as unknown as object), mail: 7 }, digest, signature },
    { counts, digest: digest!.replace(/^./, "x"), signature },
    { counts, digest, signature: "0".repeat(128) },
    null,
    [],
  ]) {
    await refused(
      await tar(instead("end.json", { ...end, text: JSON.stringify(other) })),
      "CORRUPT",
    );
  }
});

void test("a bundle that somebody else signed whole is still not the agent's", async () => {
  // Whoever alters the manifest would have to sign it anew, with a key that he does not have.
  const manifest = JSON.parse(entries[0]!.text) as Record<string, object>;
  const forged = { ...manifest, agent: { ...manifest["agent"], name: "eve" } };
  const text = JSON.stringify(forged);
  const bytes = await tar(instead("manifest.json", { name: "manifest.json", text }));
  await refused(bytes, "CORRUPT", /not signed by the agent/);
  const odd = JSON.stringify({ ...manifest, more: "\ud800" });
  const unsignable = await tar(instead("manifest.json", { name: "manifest.json", text: odd }));
  await refused(unsignable, "CORRUPT", /lone surrogate/);
});

void test("a bundle of a newer version says so, and that of another runtime is DENIED", async () => {
  const manifest = JSON.parse(entries[0]!.text) as object;
  const text = JSON.stringify({ ...manifest, version: 2, extra: true });
  const newer = await tar(instead("manifest.json", { name: "manifest.json", text }));
  await refused(newer, "VERSION", /it has version 2, and this release knows up to 1/);
  const { homes: others } = await homes(1);
  await assert.rejects(others[0]!.runtime.import(streamOf(bundle)), {
    code: "DENIED",
    message: /its key is for another runtime \(npub1.*--to npub1/,
  });
});

void test("entries with names that are no path of a file, or that come in another order, are CORRUPT", async () => {
  const end = entries.at(-1)!;
  const tree = entries.find(({ name }) => name.startsWith("tree/"))!;
  const rows = entries.find(({ name }) => name.startsWith("trajectory/"))!;
  const odd = [
    "tree/../../etc/passwd",
    "tree/..",
    "tree/a/../b",
    "tree/./a",
    "tree//a",
    "tree/",
    "tree",
    "/tree/a",
    "/etc/passwd",
    "../tree/a",
    "tree/a\\b",
    "tree/a\nb",
    "tree/a\u007fb",
    "trees/a",
    "bytes/../a",
    "trajectory/1.ndjson",
    "trajectory/000002.ndjson",
    "trajectory/../000001.ndjson",
    "mail/000001.ndjson/x",
    "manifest.json/x",
    "end.json ",
    "",
    "constructor/a",
    "__proto__/a",
  ];
  for (const name of odd) {
    const list = [entries[0]!, { name, text: "1" }, end];
    await assert.rejects(pieces(await tar(list)), { code: "CORRUPT" }, JSON.stringify(name));
  }
  const orders = [
    entries.slice(1),
    [entries[0]!, ...entries],
    [entries[0]!, end, ...entries.slice(1)],
    [...entries, tree],
    [...entries, end],
    [entries[0]!, tree, tree, end],
    [entries[0]!, rows, tree, end],
    [entries[0]!, { ...tree, name: "tree/b" }, { ...tree, name: "bytes/a" }, end],
    [entries[0]!, { ...tree, name: "tree/b" }, { ...tree, name: "bytes/b" }, end],
    [entries[0]!],
    [],
  ];
  for (const order of orders) {
    const names = order.map(({ name }) => name).join();
    await assert.rejects(pieces(await tar(order)), { code: "CORRUPT" }, names);
  }
  for (const type of ["symlink", "link", "directory", "fifo", "character-device"] as const) {
    const header = { name: "tree/a", type, size: 0, linkname: "/etc/passwd" };
    const list = await tar([entries[0]!, { header }, end]);
    await assert.rejects(pieces(list), { code: "CORRUPT" }, type);
  }
});

void test("rows that are none are CORRUPT, with the line that is wrong", async () => {
  const end = entries.at(-1)!;
  const cases: readonly (readonly [name: string, text: string])[] = [
    ["trajectory/000001.ndjson", ""],
    ["trajectory/000001.ndjson", "{}"],
    ["trajectory/000001.ndjson", "{}\n"],
    ["trajectory/000001.ndjson", "null\n"],
    ["trajectory/000001.ndjson", "[[[\n"],
    ["trajectory/000001.ndjson", '{"n":1.5,"hash":"","record":""}\n'],
    ["trajectory/000001.ndjson", "\n".repeat(1_100_000)],
    ["seen/000001.ndjson", '{"id":"","at":1}\n'],
    ["seen/000001.ndjson", '{"id":"a","at":-1}\n'],
    ["seen/000001.ndjson", `{"id":"${"a".repeat(1001)}","at":1}\n`],
    ["mail/000001.ndjson", '{"at":1,"attempts":0,"notBefore":0}\n'],
    ["mail/000001.ndjson", '{"envelope":[],"at":1,"attempts":0,"notBefore":0}\n'],
    ["mail/000001.ndjson", '{"envelope":{"id":"\\ud800"},"at":1,"attempts":0,"notBefore":0}\n'],
  ];
  for (const [name, text] of cases) {
    const bytes = await tar([entries[0]!, { name, text }, end]);
    const limits = { ...LIMITS, rowsBytes: 2_000_000, fileBytes: 2_000_000 };
    await assert.rejects(pieces(bytes, limits), { code: "CORRUPT" }, text.slice(0, 80));
  }
  const latin = await packTar([
    {
      header: { name: "manifest.json", size: 3, mtime: new Date(0) },
      body: Uint8Array.of(1, 0xff, 2),
    },
  ]);
  await assert.rejects(pieces(latin), { code: "CORRUPT", message: /not text/ });
});

/** What an archive begins with, and then the same for ever; counts the bytes that were taken of it. */
function bomb(head: Uint8Array, more: Uint8Array) {
  let first = true;
  const taken = { bytes: 0 };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const next = first ? head : more.slice();
        first = false;
        taken.bytes += next.length;
        controller.enqueue(next);
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, taken };
}

async function drained(stream: ReadableStream<Uint8Array>, limits = LIMITS): Promise<void> {
  const sent = whileSent(stream, { after: () => () => undefined, bytes: limits.totalBytes });
  for await (const piece of readBundle(sent, limits)) void piece;
}

void test("a tar bomb is refused with LIMIT before it is in memory", async () => {
  const manifest = (await tar([entries[0]!])).slice(0, -1024);
  const header = async (name: string, size: number): Promise<Uint8Array> => {
    const bytes = (await tar([{ name, text: "" }])).slice(0, 512);
    // The size, in binary as large ones are, and the checksum that goes with it.
    const field = new Uint8Array(12);
    field[0] = 0x80;
    new DataView(field.buffer).setBigUint64(4, BigInt(size));
    bytes.set(field, 124);
    bytes.fill(32, 148, 156);
    const sum = bytes.reduce((total, byte) => total + byte, 0);
    bytes.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
    return bytes;
  };
  const zeros = new Uint8Array(65_536);
  const parts = (...list: Uint8Array[]): Uint8Array => Buffer.concat(list);

  // Declares far more than is allowed: refused by its header alone.
  for (const size of [2_000_000, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
    const { stream, taken } = bomb(parts(manifest, await header("tree/a", size)), zeros);
    await assert.rejects(drained(stream), { code: "LIMIT", message: /an entry of \d+ bytes/ });
    assert.ok(taken.bytes < 4_000_000, `${taken.bytes} bytes were taken`);
  }
  const note = bomb(await header("manifest.json", 100_000), zeros);
  await assert.rejects(drained(note.stream), { code: "LIMIT" });

  // Endless: entries, headers for entries that never come, and nothing at all.
  const files: Entry[] = Array.from({ length: 2000 }, (_, i) => ({
    name: `tree/${String(i).padStart(6, "0")}`,
    text: "",
  }));
  await assert.rejects(pieces(await tar([entries[0]!, ...files])), {
    code: "LIMIT",
    message: /more than 1000 entries/,
  });
  const large = Array.from({ length: 20 }, (_, i) => ({
    name: `tree/${String(i).padStart(6, "0")}`,
    text: "x".repeat(900_000),
  }));
  await assert.rejects(pieces(await tar([entries[0]!, ...large])), {
    code: "LIMIT",
    message: /more than 10000000 bytes/,
  });
  const pax = (
    await packTar([
      {
        header: { name: "a", size: 0, mtime: new Date(0), pax: { comment: "x".repeat(200) } },
      },
    ])
  ).slice(0, 1024);
  const endings: readonly (readonly [what: string, more: Uint8Array])[] = [
    ["headers", pax],
    ["zeros", zeros],
  ];
  for (const [what, more] of endings) {
    const { stream, taken } = bomb(manifest, more);
    await assert.rejects(drained(stream), { code: "LIMIT" }, what);
    assert.ok(taken.bytes < 2 * LIMITS.totalBytes, what);
  }
});

void test("whatever readBundle() reads, it refuses with CORRUPT, VERSION or LIMIT alone", async () => {
  const only = async (bytes: Uint8Array): Promise<void> => {
    try {
      await pieces(bytes);
    } catch (error) {
      const { code } = error as OpenAgentsError;
      if (!["CORRUPT", "VERSION", "LIMIT"].includes(code)) throw error;
    }
  };
  const json = fc.json({ maxDepth: 3 });
  const name = fc.oneof(
    fc.constantFrom(...entries.map((entry) => entry.name)),
    fc.stringMatching(/^(tree|bytes|trajectory|seen|mail)\/[\w./\\-]{0,20}$/),
    fc.string({ maxLength: 120 }),
  );
  const entry = fc.record({
    name,
    text: fc.oneof(
      json,
      json.map((text) => `${text}\n`),
      fc.string(),
      fc.constantFrom(...entries.map(({ text }) => text)),
    ),
  });
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), only), { numRuns: RUNS });
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 6 }), fc.boolean(), async (list, whole) => {
      const head = whole ? [entries[0]!] : [];
      await only(await tar([...head, ...list]).catch(() => new Uint8Array(0)));
    }),
    { numRuns: RUNS },
  );
  // A good one with holes, doubles, and other bytes.
  const edits = fc.array(
    fc.record({
      at: fc.nat(bundle.length - 1),
      take: fc.nat(2000),
      put: fc.uint8Array({ maxLength: 600 }),
    }),
    { minLength: 1, maxLength: 3 },
  );
  await fc.assert(
    fc.asyncProperty(edits, async (list) => {
      let bytes: Uint8Array = bundle;
      for (const { at, take, put } of list) {
        bytes = Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + take)]);
      }
      await only(bytes);
    }),
    { numRuns: RUNS },
  );
  // Manifests with one member of another kind.
  const manifest = JSON.parse(entries[0]!.text) as Record<string, unknown>;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...Object.keys(manifest)),
      fc.jsonValue(),
      async (key, value) => {
        fc.pre(!isDeepStrictEqual(value, manifest[key]));
        const text = JSON.stringify({ ...manifest, [key]: value });
        const bytes = await tar(instead("manifest.json", { name: "manifest.json", text }));
        await only(bytes);
        await assert.rejects(
          there.runtime.import(streamOf(bytes)),
          ({ code, message }: OpenAgentsError) => {
            assert.ok(["CORRUPT", "VERSION", "LIMIT"].includes(code), `${code}: ${message}`);
            return true;
          },
        );
      },
    ),
    { numRuns: RUNS },
  );
});
