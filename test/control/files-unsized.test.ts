import assert from "node:assert/strict";
import { test } from "node:test";
import type { FileRange } from "../../src/core/ports/index.ts";
import { fixture, TOKEN } from "./fixture.ts";
import { treesOf } from "./file-tree.ts";

const PIECE = 1_048_576;
const FILE = "/fs/agents/ada/unknown";
const AUTHORIZED = { headers: { authorization: `Bearer ${TOKEN}` } };

/** A home, and the ranges that were read of the agent's file whose size is not known. */
async function home(size: number) {
  const { trees, tree } = treesOf();
  const f = await fixture({ tree });
  await f.runtime.fs("ada").stat("/");
  const ada = trees.get("ada")!;
  const content = Uint8Array.from({ length: size }, (_, i) => (i * 31) % 251);
  await ada.write("/unknown", content);
  const asked: (FileRange | undefined)[] = [];
  const read = ada.read.bind(ada);
  ada.read = (path, range) => {
    asked.push(range);
    return read(path, range);
  };
  return { ...f, content, asked, [Symbol.asyncDispose]: () => f.runtime.stop(0) };
}

void test("of a file whose size is not known, a range is read alone", async () => {
  await using h = await home(5 * PIECE);
  const part = async (range: string) => {
    h.asked.length = 0;
    const answer = await h.call("GET", FILE, { headers: { range } });
    const { status, headers } = answer;
    return [status, headers.get("content-range"), (await answer.arrayBuffer()).byteLength];
  };
  assert.deepEqual(await part("bytes=0-0"), [206, "bytes 0-0/*", 1]);
  assert.deepEqual(h.asked, [{ offset: 0, length: 1 }]);
  assert.deepEqual(await part("bytes=5242870-5242889"), [206, "bytes 5242870-5242879/5242880", 10]);
  assert.deepEqual(h.asked, [{ offset: 5_242_870, length: 20 }]);
  assert.deepEqual(await part("bytes=5242870-"), [206, "bytes 5242870-5242879/5242880", 10]);
  assert.deepEqual(h.asked, [{ offset: 5_242_870 }]);
  const [status, told] = await part("bytes=5242880-5242889");
  assert.deepEqual([status, told], [416, null]);
  assert.deepEqual(await part("bytes=-10"), [206, "bytes 5242870-5242879/5242880", 10]);
});

void test("a file whose size is not known is read in pieces, as they are sent", async () => {
  for (const size of [0, 10, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5]) {
    await using h = await home(size);
    const answer = await h.call("GET", FILE);
    assert.equal(answer.status, 200);
    const known = size < PIECE ? String(size) : null;
    assert.equal(answer.headers.get("content-length"), known);
    assert.equal(answer.headers.get("etag") !== null, size < PIECE);
    assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), h.content);
    assert.ok(h.asked.every((range) => range?.length === PIECE));
  }
  await using h = await home(5 * PIECE);
  const reader = (await h.api.request(FILE, AUTHORIZED)).body!.getReader();
  await reader.read();
  await reader.cancel();
  assert.ok(h.asked.length <= 2, `${h.asked.length} reads for a reader that left`);
});
