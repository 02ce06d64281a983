import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent } from "../../src/index.ts";
import type { Context } from "../../src/index.ts";
import { fileTools, modelThinker } from "../../src/models/index.ts";
import type { FileToolsOptions } from "../../src/models/index.ts";
import { agentTree } from "../../src/vfs/index.ts";
import { setting } from "../core/setting.ts";

/** Runs each work in a tick of its own of an agent that has tools of files; what they gave. */
async function ticks(
  options: FileToolsOptions,
  ...works: ((ctx: Context) => Promise<unknown>)[]
): Promise<unknown[]> {
  const given: unknown[] = [];
  const queue = [...works];
  const agent = defineAgent({
    name: "a",
    tools: fileTools(options),
    async onMessage(ctx: Context) {
      given.push(await queue.shift()!(ctx));
    },
  });
  const { tell } = await setting([agent], { thinker: modelThinker(), tree: agentTree({}) });
  for (const { length } of works) {
    void length;
    const { error } = await tell("a", "go");
    assert.equal(error, undefined, error?.message);
  }
  return given;
}

/** What a call of a tool comes to: what it gave, or what is wrong. */
async function call(ctx: Context, name: string, input: unknown): Promise<unknown> {
  return ctx.tools.call(name, input).catch((error: Error) => `! ${error.message}`);
}

const namesOf = async (ctx: Context) => (await ctx.tools.list()).map(({ name }) => name);

void test("a model lists, reads, finds and, where it may, writes files of its memory", async () => {
  const [names, wrote, read, noted] = await ticks(
    { write: true },
    namesOf,
    async (ctx) => [
      await call(ctx, "write_file", { path: "notes/whales.txt", text: "Whales sing.\n" }),
      await call(ctx, "write_file", { path: "notes/whales.txt", text: "Loudly.\n", append: true }),
    ],
    async (ctx) => [
      await call(ctx, "list_files", {}),
      await call(ctx, "list_files", { path: "/memory/files/notes" }),
      await call(ctx, "read_file", { path: "/memory/files/notes/whales.txt" }),
      await call(ctx, "search_files", { words: "sing loud*" }),
    ],
    async (ctx) => {
      const { size, digest, reads } = (await ctx.memory.files.get(
        "/memory/files/notes/whales.txt",
      ))!;
      return [size, digest?.length, reads];
    },
  );
  assert.deepEqual(names, ["read_file", "list_files", "search_files", "write_file"]);
  assert.deepEqual(wrote, ["Written: notes/whales.txt", "Written: notes/whales.txt"]);
  const [top, notes, text, hits] = read as [
    { entries: { name: string }[] },
    object,
    string,
    object[],
  ];
  assert.deepEqual(
    top.entries.map(({ name }) => name),
    ["notes"],
  );
  assert.deepEqual(notes, { entries: [{ name: "whales.txt", kind: "file", size: 21 }] });
  assert.equal(text, "Whales sing.\nLoudly.\n");
  assert.deepEqual(
    hits.map((hit) => (hit as { path: string }).path),
    ["notes/whales.txt"],
  );
  assert.deepEqual(noted, [21, 64, 1]);
});

void test("a long file is read in pieces that cut no character", async () => {
  const whole = "🐋é".repeat(9000);
  const [pieces] = await ticks({}, async (ctx) => {
    await ctx.fs.write("/memory/files/long.txt", whole);
    const read: string[] = [];
    for (let offset: number | undefined = 0; offset !== undefined;) {
      const length = read.length === 0 ? 10_001 : undefined;
      const input = { path: "long.txt", offset, ...(length !== undefined && { length }) };
      const text = (await ctx.tools.call("read_file", input)) as string;
      const more = /\n\[there is more: read on from offset (\d+)\]$/.exec(text);
      read.push(more === null ? text : text.slice(0, more.index));
      offset = more === null ? undefined : Number(more[1]);
    }
    return read;
  });
  const read = pieces as string[];
  assert.equal(read.length, 3);
  assert.ok(read.join("") === whole, "all of it, once");
});

void test("no path leads out of the root, and nothing is written where that was not said", async () => {
  const [names, tried, left] = await ticks(
    { root: "/memory/files/desk/", write: true },
    namesOf,
    async (ctx) => {
      await ctx.fs.write("/memory/files/secret.txt", "secret");
      await ctx.fs.write("/memory/files/deskside.txt", "secret");
      await ctx.fs.write("/memory/files/desk/own.txt", "own secret");
      const all: unknown[] = [];
      const paths = [
        "../secret.txt",
        "/memory/files/secret.txt",
        "/memory/files/desk/../secret.txt",
      ];
      for (const path of [...paths, "/state", "%2e%2e/secret.txt", "..\\secret.txt", ""]) {
        all.push(await call(ctx, "read_file", { path }));
      }
      all.push(await call(ctx, "write_file", { path: "../secret.txt", text: "gone" }));
      all.push(await call(ctx, "list_files", { path: ".." }));
      all.push(await call(ctx, "search_files", { words: "secret" }));
      return all;
    },
    async (ctx) => ctx.fs.read("/memory/files/secret.txt"),
  );
  assert.deepEqual(names, ["read_file", "list_files", "search_files", "write_file"]);
  const results = tried as unknown[];
  for (const result of results.slice(0, -1)) assert.match(String(result), /^! Cannot call tool/);
  assert.deepEqual(
    (results.at(-1) as { path: string }[]).map(({ path }) => path),
    ["own.txt"],
  );
  assert.equal(left, "secret");
  const [readers] = await ticks({}, namesOf);
  assert.deepEqual(readers, ["read_file", "list_files", "search_files"]);
});

void test("what is no text is not read, and what is no root makes no tools", async () => {
  const [read] = await ticks({}, async (ctx) => {
    await ctx.fs.write("/memory/files/a.png", new Uint8Array([137, 80, 0, 71]));
    return call(ctx, "read_file", { path: "a.png" });
  });
  assert.match(String(read), /it is no text$/);
  for (const root of ["files", "", "/memory/../state", 5 as never]) {
    assert.throws(() => fileTools({ root }), { code: "CONFIG" });
  }
});
