import assert from "node:assert/strict";
import { test } from "node:test";
import { ExchangeFile } from "../../src/mounts/fuse/exchange-file.ts";
import { nodeService } from "../../src/vfs/nodes.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (said: string): Uint8Array => new TextEncoder().encode(said);

const files = nodeService({
  list: async () => ({ items: [] }),
  at: (name) => ({
    exchange: async (data) => `you said ${text(data)}`,
    ...(name === "told" && { read: () => "what I am" }),
  }),
});
const open = (path: string): ExchangeFile =>
  new ExchangeFile({ files, path: () => path, limit: 100, flags: 2 });

void test("ExchangeFile is what it says of itself until something is written, and then its answer", async () => {
  const told = open("/told");
  assert.equal(text(await told.read(0, 100)), "what I am");
  assert.equal(text(await told.read(5, 100)), "I am");
  assert.equal(text(await told.read(9, 100)), "");
  told.write(0, bytes("hello"));
  assert.equal(text(await told.read(0, 100)), "you said hello");
  assert.equal(text(await told.read(4, 4)), "said");
});

void test("ExchangeFile is empty where it says nothing of itself", async () => {
  const silent = open("/silent");
  assert.equal(text(await silent.read(0, 100)), "");
  silent.write(0, bytes("a"));
  assert.equal(text(await silent.read(0, 100)), "you said a");
});
