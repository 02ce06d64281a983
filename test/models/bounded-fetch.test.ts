import assert from "node:assert/strict";
import { test } from "node:test";
import { boundedFetch } from "../../src/models/index.ts";

const TOO_MUCH = /an event of its answer has over 1000 bytes/;

/** What is read of a stream of these chunks, where an event may have 1,000 bytes. */
async function read(
  chunks: Iterable<string>,
  { status = 200 }: { readonly status?: number } = {},
): Promise<number> {
  const body = ReadableStream.from(
    (function* () {
      for (const chunk of chunks) yield new TextEncoder().encode(chunk);
    })(),
  );
  const headers = { "content-type": "text/event-stream" };
  const fetch = boundedFetch(() => Promise.resolve(new Response(body, { status, headers })), 1000);
  return (await (await fetch("http://x.test")).text()).length;
}

void test("an event of many short lines that never ends is not read for ever", async () => {
  function* lines(end: string): Iterable<string> {
    for (let i = 0; i < 50_000; i += 1) yield `data: ${"x".repeat(90)}${end}`;
  }
  for (const end of ["\n", "\r\n", "\r"]) await assert.rejects(read(lines(end)), TOO_MUCH);
  // The end of a line that comes in two pieces is no empty line.
  function* torn(): Iterable<string> {
    for (let i = 0; i < 50_000; i += 1) yield* ["data: x\r", "\n"];
  }
  await assert.rejects(read(torn()), TOO_MUCH);
});

void test("a stream of many events goes through, however it comes in pieces", async () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    const event = `event: a${end}data: ${"x".repeat(500)}${end}${end}`;
    const all = event.repeat(20);
    for (const size of [1, 7, 997, 5000]) {
      const pieces = all.match(new RegExp(`[^]{1,${size}}`, "g"))!;
      assert.equal(await read(pieces), all.length, `pieces of ${size}`);
    }
  }
});

void test("an error that says it is a stream is bounded as a whole", async () => {
  function* events(): Iterable<string> {
    for (let i = 0; i < 50_000; i += 1) yield "data: x\n\n";
  }
  await assert.rejects(read(events(), { status: 500 }), /its answer has over 1000 bytes/);
});
