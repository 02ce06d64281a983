import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { OpenAgentsError } from "../../src/core/errors.ts";
import { boundedFetch, callModel, resolveModel } from "../../src/models/index.ts";
import type { CallLimits, ModelResult } from "../../src/models/index.ts";
import { listen } from "../../src/models/scripted-listener.ts";

// Servers that do to each package of a provider what the script does not know.

const prompt = [{ role: "user" as const, content: [{ type: "text" as const, text: "Hello" }] }];
type Body = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
const NAMES = ["openai/gpt-5", "anthropic/claude-opus-4-6", "openai-compatible/m"] as const;

async function call(
  name: (typeof NAMES)[number],
  baseURL: string,
  options: { readonly limits?: Partial<CallLimits>; readonly signal?: AbortSignal } = {},
): Promise<ModelResult> {
  const model = await resolveModel({ model: name, baseURL, apiKey: "none" });
  const limits = { backoff: 1, retries: 1, ...options.limits };
  return callModel({ prompt }, { model, signal: options.signal, limits });
}

/** A server of bytes: what `talk` writes is all that there is of HTTP. */
async function withSocket(
  talk: (socket: Socket, n: number) => void,
  work: (url: string, sockets: readonly Promise<void>[]) => Promise<void>,
): Promise<void> {
  const closed: Promise<void>[] = [];
  const server = createServer((socket) => {
    const n = closed.length;
    closed.push(new Promise((resolve) => socket.on("close", () => resolve())));
    socket.on("error", () => undefined);
    socket.once("data", () => talk(socket, n));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, closed);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

/** An answer of HTTP with this body, from each package: how its call ends. */
async function withBody(
  body: () => Body | null,
  init: ResponseInit,
  check: (ended: Promise<ModelResult>, asked: () => number) => Promise<void>,
): Promise<void> {
  for (const name of NAMES) {
    let asked = 0;
    await using server = await listen(() => {
      asked += 1;
      return new Response(body(), init);
    });
    await check(call(name, server.url), () => asked);
  }
}

const events = { headers: { "content-type": "text/event-stream" } };

void test("an answer that is empty, a page, JSON in one piece or bytes of no use is tried again", async () => {
  const bodies: readonly (readonly [Body | null, string])[] = [
    ["", "text/event-stream"],
    [null, "text/event-stream"],
    ["<html><h1>Welcome</h1></html>", "text/html"],
    ['{"choices":[]}', "application/json"],
    ["data: [DONE]\n\n", "text/event-stream"],
    [new Uint8Array([0xff, 0xfe, 0, 1]), "application/octet-stream"],
  ];
  for (const [body, type] of bodies) {
    await withBody(
      () => body,
      { headers: { "content-type": type } },
      async (ended, asked) => {
        await assert.rejects(ended, { code: "UNREACHABLE" }, type);
        assert.equal(asked(), 2);
      },
    );
  }
});

void test("an error whose body is nothing, a page or a lie has the code of its status", async () => {
  for (const body of ["", "<html>", '{"error":{"message":{}}}']) {
    for (const [status, code] of [
      [400, "INVALID"],
      [401, "DENIED"],
      [429, "RATE_LIMITED"],
      [503, "UNREACHABLE"],
    ] as const) {
      await withBody(
        () => body,
        { status },
        (ended) => assert.rejects(ended, { code }),
      );
    }
  }
});

void test("Retry-After as a date is heeded", async () => {
  const date = new Date(Date.now() + 7_200_000).toUTCString();
  await withBody(
    () => "{}",
    { status: 429, headers: { "retry-after": date } },
    async (ended) => {
      const error = (await ended.catch((error: unknown) => error)) as { retryAfter: number };
      assert.ok(error.retryAfter > 7_000_000 && error.retryAfter <= 7_200_000);
    },
  );
});

void test("headers that come slowly or never end, and the server is left", async () => {
  const slow = (socket: Socket): void => {
    socket.write("HTTP/1.1 200 OK\r\n");
    const timer = setInterval(() => socket.write("x: y\r\n"), 10);
    socket.on("close", () => clearInterval(timer));
  };
  for (const name of NAMES) {
    await withSocket(slow, async (url, closed) => {
      const limits = { stall: 100, retries: 0 };
      await assert.rejects(call(name, url, { limits }), { code: "UNREACHABLE" });
      await closed[0];
    });
  }
});

void test("headers that are too large, or none of HTTP, are no answer", async () => {
  const large = (socket: Socket): void => {
    socket.write(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(1_000_000)}\r\n\r\n`);
  };
  const noise = (socket: Socket): void => void socket.end("Good day\r\n\r\n");
  for (const talk of [large, noise]) {
    await withSocket(talk, async (url) => {
      for (const name of NAMES) {
        await assert.rejects(call(name, url), { code: "UNREACHABLE" });
      }
    });
  }
});

void test("a call that is cut off closes the connection, before and after headers came", async () => {
  const silent = (): void => undefined;
  const begun = (socket: Socket): void => {
    socket.write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: well\n\n");
  };
  for (const talk of [silent, begun]) {
    for (const name of NAMES) {
      const asked = Promise.withResolvers<void>();
      const heard = (socket: Socket): void => {
        talk(socket);
        setTimeout(asked.resolve, 20);
      };
      await withSocket(heard, async (url, closed) => {
        const stop = new AbortController();
        const ended = call(name, url, { signal: stop.signal });
        await asked.promise;
        stop.abort(new Error("Enough"));
        await assert.rejects(ended, { message: "Enough" });
        await closed[0];
      });
    }
  }
});

void test("a connection that is reset in the middle of a line is tried again", async () => {
  const reset = (socket: Socket): void => {
    socket.write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {", () =>
      socket.resetAndDestroy(),
    );
  };
  for (const name of NAMES) {
    await withSocket(reset, async (url, closed) => {
      await assert.rejects(call(name, url), { code: "UNREACHABLE" });
      assert.equal(closed.length, 2);
    });
  }
});

void test("a body without end is left, be it a line of a stream, an error or packed", async () => {
  const mega = new Uint8Array(1_000_000).fill(120);
  const endless = (): ReadableStream<Uint8Array> =>
    new ReadableStream({ pull: (controller) => controller.enqueue(mega) });
  const bomb = gzipSync(Buffer.alloc(100_000_000));
  const packed = { headers: { ...events.headers, "content-encoding": "gzip" } };
  const cases: readonly (readonly [() => Body, ResponseInit])[] = [
    [endless, events],
    [endless, { status: 500 }],
    [() => bomb, packed],
  ];
  for (const [body, init] of cases) {
    await using server = await listen(() => new Response(body(), init));
    await assert.rejects(call("openai-compatible/m", server.url), {
      code: "LIMIT",
      message: /^The provider sends too much: /,
    });
  }
  await using server = await listen(() => new Response(endless(), events));
  const response = await boundedFetch(undefined, 3_000_000)(server.url);
  await assert.rejects(response.text(), {
    message: "The provider sends too much: an event of its answer has over 3000000 bytes",
  });
});

const json = fc.jsonValue({ maxDepth: 3 });
const word = fc.constantFrom(
  ..."type id index delta text choices content finish_reason tool_calls function name arguments usage".split(
    " ",
  ),
  ..."response.created response.output_text.delta response.output_item.added response.completed item".split(
    " ",
  ),
  ..."message_start content_block_start content_block_delta message_delta message_stop message".split(
    " ",
  ),
  ..."response item_id call_id function_call output_index stop tool_use text_delta error status code".split(
    " ",
  ),
);
const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    word,
    json,
    fc.dictionary(word, tie("any"), { maxKeys: 5 }),
    fc.array(tie("any"), { maxLength: 3 }),
  ),
})).any;
const line = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.dictionary(word, value).map((data) => `data: ${JSON.stringify(data)}\n\n`),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
  { weight: 1, arbitrary: fc.constantFrom("data: [DONE]\n\n", ": \n\n", "\n\n", "event: error\n") },
);

void test("whatever a server sends, a call gives an answer that is JSON or fails with a code", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 6 }),
      fc.constantFrom(200, 500),
      async (lines, status) => {
        for (const name of NAMES) {
          const model = await resolveModel({
            model: name,
            baseURL: "http://model.test/v1",
            apiKey: "none",
            fetch: () => Promise.resolve(new Response(lines.join(""), { status, ...events })),
          });
          try {
            const result = await callModel({ prompt }, { model, limits: { retries: 0 } });
            assert.deepEqual(JSON.parse(JSON.stringify(result)), result);
          } catch (error) {
            assert.ok(error instanceof OpenAgentsError, String(error));
          }
        }
      },
    ),
    { numRuns: 60 },
  );
});
