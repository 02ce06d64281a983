import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { errno, fileHome } from "./home.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

void test("memory/files keeps files of any bytes and names, and says how long they are", async () => {
  const { files, within, names, runtime } = await fileHome();
  const name = "ünï ± %2F %.. ~!'()* 日本 \u{1f600}.txt";
  const raw = Uint8Array.from({ length: 256 }, (_, i) => i);
  await within(files.write(`/memory/files/${name}`, raw));
  await within(files.write("/memory/files/text", bytes("ä\n")));
  await within(files.write("/memory/files/nul", bytes("a\0b")));
  assert.deepEqual(await files.read(`/memory/files/${name}`), raw);
  assert.deepEqual(await files.read("/memory/files/nul"), bytes("a\0b"));
  const sizes = (await files.list("/memory/files")).items.map((item) => [item.name, item.size]);
  assert.deepEqual(sizes, [
    [name, 256],
    ["nul", 3],
    ["text", 3],
  ]);
  assert.equal((await files.stat(`/memory/files/${name}`)).size, 256);
  await within(files.write("/memory/files/text", bytes("more"), { at: "end" }));
  assert.deepEqual(
    await files.read("/memory/files/text", { offset: 1 }),
    bytes("ä\nmore").slice(1),
  );
  assert.equal((await names("/memory/files")).length, 3);
  assert.equal((await runtime.verify("ada")).ok, true);
});

void test("memory/files has directories, which stay when they are empty", async () => {
  const { files, within, write, names, read } = await fileHome();
  const remove = (path: string): Promise<void> => within(files.remove(`/memory/files/${path}`));
  const make = (path: string): Promise<void> =>
    within(files.makeDirectory!(`/memory/files/${path}`));
  await write("/memory/files/a/b/c.txt", "deep");
  await make("a/empty");
  await write("/memory/files/a-b", "beside");
  await write("/memory/files/a.txt", "beside");
  assert.deepEqual(await names("/memory/files"), ["a-b", "a.txt", "a/"]);
  assert.deepEqual(await names("/memory/files/a"), ["b/", "empty/"]);
  assert.deepEqual(await names("/memory/files/a/empty"), []);
  await assert.rejects(make("a/empty"), errno("EEXIST"));
  await assert.rejects(make("none/x"), errno("ENOENT"));
  await assert.rejects(make("a.txt/x"), errno("ENOTDIR"));
  await assert.rejects(write("/memory/files/a.txt/x", ""), errno("ENOTDIR"));
  await assert.rejects(write("/memory/files/a", ""), errno("EISDIR"));
  await assert.rejects(remove("a"), errno("ENOTEMPTY"));
  await remove("a/b/c.txt");
  assert.deepEqual(await names("/memory/files/a/b"), []);
  await remove("a/b");
  await remove("a/empty");
  assert.deepEqual(await names("/memory/files/a"), []);
  await remove("a");
  assert.deepEqual(await names("/memory/files"), ["a-b", "a.txt"]);
  await assert.rejects(remove(""), errno("EACCES"));
  await write("/memory/files/%", "its name is a percent sign");
  assert.equal(await read("/memory/files/%"), "its name is a percent sign");
});

void test("memory/files moves files and whole directories", async () => {
  const { files, within, write, names, read, runtime } = await fileHome();
  const move = (from: string, to: string): Promise<void> =>
    within(files.rename(`/memory/files/${from}`, `/memory/files/${to}`));
  await write("/memory/files/d/one", "1");
  await write("/memory/files/d/e/two", "2");
  await write("/memory/files/x", "x");
  await move("d", "moved");
  assert.deepEqual(await names("/memory/files"), ["moved/", "x"]);
  assert.equal(await read("/memory/files/moved/e/two"), "2");
  await move("moved/e/two", "x");
  assert.equal(await read("/memory/files/x"), "2");
  assert.deepEqual(await names("/memory/files/moved/e"), []);
  await move("moved/e", "e");
  assert.deepEqual(await names("/memory/files"), ["e/", "moved/", "x"]);
  await assert.rejects(move("moved", "x"), errno("ENOTDIR"));
  await assert.rejects(move("x", "moved"), errno("EISDIR"));
  await assert.rejects(move("moved", "moved/below"), errno("EINVAL"));
  await assert.rejects(move("none", "y"), errno("ENOENT"));
  await assert.rejects(move("x", "none/y"), errno("ENOENT"));
  assert.equal((await runtime.verify("ada")).ok, true);
});

void test("memory/files lists directories in pages, whatever is below them", async () => {
  const { files, tick } = await fileHome();
  const expected: string[] = [];
  for (let i = 0; i < 150; i += 1) expected.push(`d${i}`, `f${i}`);
  await tick(async ({ fs }) => {
    for (let i = 0; i < 150; i += 1) {
      for (let j = 0; j < 5; j += 1) await fs.write(`/memory/files/d${i}/${j}`, "x");
      await fs.write(`/memory/files/f${i}`, "y");
    }
  });
  for (const limit of [7, 100, 1000]) {
    const found: string[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await files.list("/memory/files", { cursor, limit });
      assert.ok(page.items.length <= limit);
      found.push(...page.items.map(({ name }) => name));
      cursor = page.cursor;
      if (cursor === undefined) break;
    }
    assert.deepEqual(found, [...expected].sort());
  }
});

void test("memory/files is as a tree of files is, whatever is done with it", async () => {
  const segment = fc.constantFrom("a", "b", "a.b", "%", "ä", "~");
  const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
  const act = fc.oneof(
    fc.record({ do: fc.constant("write" as const), path, to: fc.constant("") }),
    fc.record({ do: fc.constant("mkdir" as const), path, to: fc.constant("") }),
    fc.record({ do: fc.constant("remove" as const), path, to: fc.constant("") }),
    fc.record({ do: fc.constant("rename" as const), path, to: path }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 25 }), async (acts) => {
      const { tick } = await fileHome();
      let failure: unknown;
      await tick(async ({ fs }) => {
        // By path: the content of a file, null for a directory.
        const model = new Map<string, string | null>();
        const above = (of: string): string => of.split("/").slice(0, -1).join("/");
        const isDirectory = (of: string): boolean => of === "" || model.get(of) === null;
        const below = (of: string): string[] =>
          [...model.keys()].filter((key) => key.startsWith(`${of}/`));
        const blocked = (of: string): boolean => {
          for (let up = above(of); up !== ""; up = above(up)) {
            if (typeof model.get(up) === "string") return true;
          }
          return false;
        };
        try {
          for (const [i, { do: verb, path: at, to }] of acts.entries()) {
            const full = `/memory/files/${at}`;
            let fits = !blocked(at);
            let work: Promise<unknown>;
            if (verb === "write") {
              fits &&= !(model.has(at) && isDirectory(at));
              work = fs.write(full, String(i));
              if (fits) {
                for (let up = above(at); up !== ""; up = above(up)) model.set(up, null);
                model.set(at, String(i));
              }
            } else if (verb === "mkdir") {
              fits &&= isDirectory(above(at)) && !model.has(at);
              work = fs.makeDirectory(full);
              if (fits) model.set(at, null);
            } else if (verb === "remove") {
              fits = model.has(at) && (!isDirectory(at) || below(at).length === 0);
              work = fs.remove(full);
              if (fits) model.delete(at);
            } else {
              const moved = model.get(at);
              const inside = to.startsWith(`${at}/`);
              const over = model.get(to);
              fits = model.has(at) && !inside && isDirectory(above(to)) && !blocked(to);
              fits &&= at === to || (over !== null && !(moved === null && over !== undefined));
              if (model.has(at) && at === to) fits = true;
              work = fs.rename(full, `/memory/files/${to}`);
              if (fits && at !== to) {
                for (const key of [at, ...below(at)]) {
                  const value = model.get(key)!;
                  model.delete(key);
                  model.set(to + key.slice(at.length), value);
                }
              }
            }
            const went = await work.then(
              () => true,
              () => false,
            );
            assert.equal(went, fits, `${verb} ${at} ${to}`);
          }
          const seen = new Map<string, string | null>();
          const walk = async (directory: string): Promise<void> => {
            for (const { name, kind } of (await fs.list(`/memory/files/${directory}`)).items) {
              const of = directory === "" ? name : `${directory}/${name}`;
              const file = kind === "file";
              seen.set(of, file ? await fs.read(`/memory/files/${of}`) : null);
              if (!file) await walk(of);
            }
          };
          await walk("");
          assert.deepEqual(seen, model);
        } catch (error) {
          failure = error;
        }
      });
      if (failure !== undefined) throw failure;
    }),
    { numRuns: 60 },
  );
});

void test("memory/files takes no more than a value may have", async () => {
  const { files } = await fileHome({ limits: { valueBytes: 100 } });
  await assert.rejects(files.write("/memory/files/x", new Uint8Array(101)), errno("EFBIG"));
  await assert.rejects(files.write("/memory/kv/x", new Uint8Array(101)), errno("EFBIG"));
  await assert.rejects(files.write("/memory/files/a/b/x", new Uint8Array(101)), errno("EFBIG"));
  assert.equal((await files.stat("/memory/files")).limit, 100);
});

void test("memory/kv keeps small files by any key", async () => {
  const { files, within, write, read, names } = await fileHome();
  await write("/memory/kv/a b", "1");
  await write("/memory/kv/c", "2");
  await write("/memory/kv/c", "3", { at: "end" });
  assert.equal(await read("/memory/kv/c"), "23");
  await within(files.rename("/memory/kv/c", "/memory/kv/d"));
  assert.deepEqual(await names("/memory/kv"), ["a b", "d"]);
  await within(files.remove("/memory/kv/a b"));
  assert.deepEqual(await names("/memory/kv"), ["d"]);
  await assert.rejects(files.rename("/memory/kv/d", "/memory/files/d"), errno("EXDEV"));
  await assert.rejects(files.makeDirectory!("/memory/kv/x"), errno("EACCES"));
});

void test("memory/peers notes what is written of a peer", async () => {
  const { files, within, write, json, names, runtime } = await fileHome();
  const { id } = await runtime.get("ada");
  const path = `/memory/peers/${id}`;
  await write(path, '{"name": "Self", "trust": "trusted"}');
  assert.deepEqual(await names("/memory/peers"), [id]);
  const peer = await json(path);
  assert.deepEqual([peer.names, peer.trust], [["Self"], "trusted"]);
  await write(path, JSON.stringify({ ...peer, names: ["Self", "Me"], note: "n" }));
  assert.deepEqual([(await json(path)).names, (await json(path)).note], [["Self", "Me"], "n"]);
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['{"trust": "much"}', /"trust"/],
    ['{"relays": "x"}', /"relays" must be a list/],
    ['{"colour": 1}', /"colour"/],
    ['{"npub": "x"}', /"npub"/],
  ];
  for (const [given, said] of wrong) {
    await assert.rejects(write(path, given), errno("EINVAL", said), given);
  }
  await assert.rejects(write("/memory/peers/bob", "{}"), errno("EINVAL", /npub/));
  await within(files.remove(path));
  assert.deepEqual(await names("/memory/peers"), []);
});

void test("memory/export gives all that is remembered, a line for each file", async () => {
  const { files, within, write, read } = await fileHome();
  await write("/memory/files/a/b", "text\n");
  await within(files.write("/memory/files/raw", new Uint8Array([255, 0])));
  await write("/memory/kv/k", "v");
  const whole = await read("/memory/export");
  const lines = whole
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(lines, [
    { path: "memory/files/a/b", text: "text\n" },
    { path: "memory/files/raw", base64: "/wA=" },
    { path: "memory/kv/k", text: "v" },
  ]);
  const part = await files.read("/memory/export", { offset: 30, length: 50 });
  assert.deepEqual(part, bytes(whole).slice(30, 80));
  assert.equal((await files.stat("/memory/export")).size, undefined);
});
