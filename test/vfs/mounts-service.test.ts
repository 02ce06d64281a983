import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent, OpenAgentsError } from "../../src/index.ts";
import { scratch } from "../../src/vfs/scratch.ts";
import { errno, fileHome } from "./home.ts";
import type { FileHome } from "./home.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const desk = { path: "/fs/desk", kind: "scratch", source: "", access: "read-write" } as const;

void test("mounts is a table that commands change, on the record", async () => {
  const { read, write, files, runtime, names } = await fileHome();
  assert.equal(await read("/mounts"), "");
  await write(
    "/mounts",
    "mount /fs/desk scratch read-write\nmount /tools/x scratch budgeted:2/1h a b\n",
  );
  assert.equal(
    await read("/mounts"),
    "/fs/desk scratch read-write\n/tools/x scratch budgeted:2/1h a b\n",
  );
  assert.deepEqual(
    (await names("/")).filter((name) => /^(fs|tools)/.test(name)),
    ["fs/", "tools/"],
  );
  await files.write("/fs/desk/a", bytes("x"));
  await write("/mounts", "access /fs/desk read-only\n", { at: "end" });
  await assert.rejects(files.write("/fs/desk/a", bytes("y")), errno("EACCES"));
  assert.equal(await read("/fs/desk/a"), "x");
  await write("/mounts", "access /fs/desk disabled\n", { at: "end" });
  await assert.rejects(files.read("/fs/desk/a"), errno("EACCES"));
  await write("/mounts", "unmount /fs/desk\nunmount /tools/x\n", { at: "end" });
  await assert.rejects(files.read("/fs/desk/a"), errno("ENOENT"));
  assert.equal(await read("/mounts"), "");
  const records = await runtime.log("ada", 0, 99);
  assert.equal(records.filter(({ record }) => record.includes("mounts/")).length, 4);
  assert.equal((await runtime.verify("ada")).ok, true);
});

void test("mounts refuses commands that cannot be done, and does none of the others then", async () => {
  const { read, write, runtime } = await fileHome({
    kinds: {
      picky: () => {
        throw new OpenAgentsError("CONFIG", "Cannot mount: the source is wrong");
      },
    },
  });
  const { ticks } = await runtime.status("ada");
  const wrong: readonly (readonly [string, string, RegExp])[] = [
    ["dance", "EINVAL", /begins with "mount"/],
    ["mount /fs/x", "EINVAL", /mount <path> <kind>/],
    ["mount /state scratch read-only", "EINVAL", /below \/fs\/ or \/tools\//],
    ["mount /fs scratch read-only", "EINVAL", /below \/fs\//],
    ["mount /fs/../state scratch read-only", "EINVAL", /below \/fs\//],
    ["mount /fs/./x scratch read-only", "EINVAL", /below \/fs\//],
    ["mount /fs/x magic read-only", "EINVAL", /no kind "magic" here, there are: scratch, picky/],
    ["mount /fs/x toString read-only", "EINVAL", /no kind "toString"/],
    ["mount /fs/x picky read-only", "EINVAL", /the source is wrong/],
    ["mount /fs/x scratch all", "EINVAL", /"all" is no level/],
    ["mount /fs/x scratch budgeted", "EINVAL", /so many writes in so long/],
    ["mount /fs/x scratch budgeted:5/0", "EINVAL", /above 0/],
    ["mount /fs/x scratch budgeted:5/soon", "EINVAL", /soon/],
    ["mount /fs/x scratch read-only:5/1h", "EINVAL", /only "budgeted"/],
    ["mount /fs/a scratch read-only\nmount /fs/a scratch read-only", "EEXIST", /there is a mount/],
    ["unmount /fs/x", "ENOENT", /no mount at "\/fs\/x"/],
    ["unmount /fs/a b", "ENOENT", /no mount/],
    ["access /fs/x read-only", "ENOENT", /no mount/],
  ];
  for (const [commands, name, said] of wrong) {
    const all = `mount /fs/first scratch read-only\n${commands}\n`;
    await assert.rejects(write("/mounts", all), errno(name, said), commands);
  }
  assert.equal(await read("/mounts"), "");
  assert.equal((await runtime.status("ada")).ticks, ticks);
});

void test("mounts may be lowered and taken away by the agent itself, and no more", async () => {
  const { tick, read, runtime } = await fileHome({ agent: { mounts: [desk] } });
  const record = await tick(async ({ fs }) => {
    await assert.rejects(
      fs.write("/mounts", "mount /fs/x scratch read-only"),
      errno("EACCES", /gives itself no mounts/),
    );
    await fs.write("/fs/desk/a", "x");
    await fs.write("/mounts", "access /fs/desk budgeted:5/1h");
    await assert.rejects(fs.write("/mounts", "access /fs/desk read-write"), errno("EACCES"));
    await assert.rejects(fs.write("/mounts", "access /fs/desk budgeted:6/1h"), errno("EACCES"));
    await assert.rejects(fs.write("/mounts", "access /fs/desk budgeted:5/1m"), errno("EACCES"));
    await fs.write("/mounts", "access /fs/desk read-only");
    await assert.rejects(fs.write("/fs/desk/a", "y"), errno("EACCES"));
    await assert.rejects(fs.write("/mounts", "access /fs/desk budgeted:5/1h"), errno("EACCES"));
  });
  assert.equal(record.outcome, "done", JSON.stringify(record.error));
  assert.equal(await read("/mounts"), "/fs/desk scratch read-only\n");
  await tick(async ({ fs }) => {
    await fs.write("/mounts", "unmount /fs/desk");
    throw new Error("told to");
  });
  assert.equal(await read("/mounts"), "/fs/desk scratch read-only\n");
  await tick(({ fs }) => fs.write("/mounts", "unmount /fs/desk"));
  assert.equal(await read("/mounts"), "");
  assert.equal((await runtime.verify("ada")).ok, true);
});

void test("mounts of a definition can be taken away and given back", async () => {
  const { read, write, files } = await fileHome({ agent: { mounts: [desk] } });
  assert.equal(await read("/mounts"), "/fs/desk scratch read-write\n");
  await write("/mounts", "unmount /fs/desk");
  assert.equal(await read("/mounts"), "");
  await assert.rejects(files.list("/fs"), errno("ENOENT"));
  await write("/mounts", "mount /fs/desk scratch read-only");
  assert.equal(await read("/mounts"), "/fs/desk scratch read-only\n");
});

void test("budgeted mounts count what is written over ticks and from outside", async () => {
  const budget = { writes: 3, per: 60_000 };
  const { tick, files, clock } = await fileHome({
    agent: { mounts: [{ ...desk, access: "budgeted", budget }] },
  });
  await tick(({ fs }) => fs.write("/fs/desk/a", "1"));
  await tick(({ fs }) => fs.write("/fs/desk/a", "2"));
  await files.write("/fs/desk/a", bytes("3"));
  await assert.rejects(files.write("/fs/desk/a", bytes("4")), errno("EDQUOT"));
  const record = await tick(({ fs }) => fs.write("/fs/desk/a", "5"));
  assert.deepEqual([record.outcome, record.error?.code], ["failed", "RATE_LIMITED"]);
  await clock.advance(61_000);
  await files.write("/fs/desk/a", bytes("6"));
});

/** A tick that is in the middle of something until it is told to go on. */
function middle(
  home: FileHome,
  then: Parameters<FileHome["tick"]>[0],
): {
  readonly begun: Promise<unknown>;
  readonly goOn: () => Promise<unknown>;
} {
  const begun = Promise.withResolvers<void>();
  const rest = Promise.withResolvers<void>();
  const over = home.tick(async (ctx) => {
    await ctx.fs.write("/fs/desk/a", "before");
    begun.resolve();
    await rest.promise;
    await then(ctx);
  });
  return {
    begun: begun.promise,
    goOn: async () => {
      rest.resolve();
      return over;
    },
  };
}

void test("mounts that an operator changes are so at once, also in the tick that runs", async () => {
  const home = await fileHome({ agent: { mounts: [desk] } });
  let said: unknown;
  const tick = middle(home, async ({ fs }) => {
    said = await fs.write("/fs/desk/a", "after").catch((error) => error.errno);
  });
  await tick.begun;
  const lowered = home.files.write("/mounts", bytes("access /fs/desk read-only"));
  await new Promise(setImmediate);
  await tick.goOn();
  await home.within(lowered);
  assert.equal(said, "EACCES");
  assert.equal(await home.read("/mounts"), "/fs/desk scratch read-only\n");
  assert.equal(await home.read("/fs/desk/a"), "before");
});

void test("mounts that could not be changed are as they were", async () => {
  const home = await fileHome({ agent: { mounts: [desk] } });
  await home.runtime.pause("ada");
  await assert.rejects(home.write("/mounts", "unmount /fs/desk"));
  assert.equal(await home.read("/mounts"), "/fs/desk scratch read-write\n");
  await home.files.write("/fs/desk/a", bytes("x"));
});

void test("mounts that are taken away end what is watched there", async () => {
  const home = await fileHome({ agent: { mounts: [desk] } });
  await home.files.write("/fs/desk/a", bytes("x"));
  const stop = new AbortController();
  const watch = home.files.watch("/fs/desk", stop.signal)[Symbol.asyncIterator]();
  const first = watch.next();
  await new Promise(setImmediate);
  await home.files.write("/fs/desk/b", bytes("y"));
  assert.equal((await first).value, "/fs/desk/b");
  const next = watch.next();
  next.catch(() => undefined);
  await home.write("/mounts", "unmount /fs/desk");
  await assert.rejects(async () => {
    for (let got = await next; got.done !== true; got = await watch.next());
  }, errno("ENOENT"));
});

void test("mounts of a kind that is not here are there, and say so", async () => {
  const { files, read } = await fileHome({ agent: { mounts: [{ ...desk, kind: "magic" }] } });
  assert.equal(await read("/mounts"), "/fs/desk magic read-write\n");
  await assert.rejects(files.read("/fs/desk/a"), errno("ENOTSUP", /no kind "magic" here/));
});

void test("defineAgent() refuses mounts that cannot be", () => {
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    ["x", /"mounts" must be a list/],
    [[{ ...desk, path: "/state" }], /"mounts\[0\]\.path" must be a path below/],
    [[{ ...desk, path: "/fs/a b" }], /no white space/],
    [[{ ...desk, path: "/fs/.." }], /below/],
    [[desk, desk], /"mounts\[1\]\.path": there is a mount/],
    [[{ ...desk, kind: "A b" }], /"mounts\[0\]\.kind"/],
    [[{ ...desk, source: 5 }], /"mounts\[0\]\.source"/],
    [[{ ...desk, access: "all" }], /"mounts\[0\]\.access" must be one of/],
    [[{ ...desk, access: "budgeted" }], /"mounts\[0\]\.budget" is missing/],
    [[{ ...desk, budget: { writes: 1, per: 1 } }], /for access "budgeted" alone/],
    [[{ ...desk, access: "budgeted", budget: { writes: 1, per: 0 } }], /"per" above 0/],
    [[{ ...desk, colour: 1 }], /no "mounts\[0\]\.colour"/],
  ];
  for (const [mounts, said] of wrong) {
    assert.throws(() => defineAgent({ name: "x", mounts: mounts as never }), said);
  }
});

void test("mounts go with an agent to a home that has their kinds, and to no other", async () => {
  const magic = { magic: () => scratch({}, { now: () => 0 }) };
  const from = await fileHome({ kinds: magic, agent: { mounts: [desk] } });
  await from.write("/mounts", "mount /fs/x magic read-only some where\nunmount /fs/desk\n");
  const { id } = await from.runtime.get("ada");
  const bundle = await from.runtime.export(id);
  const bytesOf = new Uint8Array(await new Response(bundle).arrayBuffer());
  const stream = (): ReadableStream<Uint8Array> => new Response(bytesOf).body!;
  const without = await fileHome({ agent: { mounts: [desk] } });
  await without.within(without.runtime.purge("ada"));
  await assert.rejects(without.within(without.runtime.import(stream())), (error: Error) => {
    assert.match(error.message, /kinds that are not here: \/fs\/x magic read-only some where/);
    return true;
  });
  const to = await fileHome({ kinds: magic, agent: { mounts: [desk] } });
  await to.within(to.runtime.purge("ada"));
  const { warnings } = await to.within(to.runtime.import(stream()));
  assert.deepEqual(warnings, [
    'It has the mount "/fs/x magic read-only some where" here as at its old home',
  ]);
  assert.equal(
    new TextDecoder().decode(await to.runtime.fs(id).read("/mounts")),
    "/fs/x magic read-only some where\n",
  );
});

void test("what is mounted, by whom, is in the log of the tick", async () => {
  const { tick, write, runtime } = await fileHome({ agent: { mounts: [desk] } });
  const logs = async (): Promise<unknown> => {
    const { ticks } = await runtime.status("ada");
    const [row] = await runtime.log("ada", ticks - 1, 1);
    const output = JSON.parse(row?.output ?? "{}") as { logs?: readonly Record<string, unknown>[] };
    return output.logs?.map(({ level, text, data }) => [level, text, data]);
  };
  const operator = { by: "an operator" };
  await write("/mounts", "mount /fs/x scratch read-only\n\naccess /fs/desk budgeted:5/1h\n");
  assert.deepEqual(await logs(), [
    ["info", "mount /fs/x scratch read-only", operator],
    ["info", "access /fs/desk budgeted:5/1h", operator],
  ]);
  await tick(({ fs }) => fs.write("/mounts", "unmount /fs/desk"));
  assert.deepEqual(await logs(), [["info", "unmount /fs/desk", { by: "the agent" }]]);
  // What is refused is nothing that was done.
  await tick(async ({ fs }) => {
    await assert.rejects(fs.write("/mounts", "access /fs/x read-write"), errno("EACCES"));
  });
  assert.equal(await logs(), undefined);
});
