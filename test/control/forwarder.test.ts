import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { httpForwarder } from "../../src/control/forwarder.ts";
import type { Envelope } from "../../src/core/envelope.ts";
import type { NewHome } from "../../src/core/ports/index.ts";
import { manualClock } from "../../src/testing/index.ts";

const AGENT = `npub1${"q".repeat(58)}`;

interface Asked {
  readonly path: string;
  readonly ticket: string;
  readonly hops: string;
  readonly ids: readonly string[];
}

/** A home on loopback that answers as `answer` says, and what it was asked. */
async function home(answer: (response: ServerResponse, ids: readonly string[]) => void): Promise<{
  readonly to: NewHome;
  readonly asked: readonly Asked[];
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const asked: Asked[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      const { mail } = JSON.parse(text) as { mail: Envelope[] };
      const ids = mail.map(({ id }) => id);
      const { authorization = "", "x-openagents-hops": hops = "" } = request.headers;
      asked.push({ path: request.url ?? "", ticket: authorization, hops: String(hops), ids });
      answer(response, ids);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    to: { url: `${url}/`, agent: AGENT, ticket: "the-ticket", hops: 3 },
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function letters(count: number, payload = "x"): Envelope[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `m${i}`,
    sentAt: 1,
    source: "http",
    from: "operator",
    to: AGENT,
    type: "message",
    payload,
  }));
}

function accept(response: ServerResponse, ids: readonly string[]): void {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ receipts: ids.map(() => "accepted") }));
}

void test("forward() brings mail to the new home in its order, with the ticket and how far it came", async () => {
  await using it = await home(accept);
  const forwarder = httpForwarder({ clock: manualClock(0) });
  assert.deepEqual(new Set(await forwarder.forward(it.to, letters(150))), new Set(["accepted"]));
  const [first] = it.asked;
  assert.deepEqual(
    [first?.path, first?.ticket, first?.hops],
    [`/agents/${AGENT}/mail`, "Bearer the-ticket", "3"],
  );
  assert.deepEqual(
    it.asked.flatMap(({ ids }) => ids),
    letters(150).map(({ id }) => id),
  );
  assert.equal(it.asked.length, 3);
  await forwarder.forward(it.to, letters(3, "y".repeat(200_000)));
  assert.equal(it.asked.length, 6);
});

void test("forward() follows no redirection: the ticket goes nowhere else", async () => {
  await using elsewhere = await home(accept);
  for (const status of [301, 302, 307, 308]) {
    await using it = await home((response) => {
      response.writeHead(status, { location: `${elsewhere.to.url}agents/${AGENT}/mail` }).end();
    });
    const forwarder = httpForwarder({ clock: manualClock(0) });
    assert.deepEqual(await forwarder.forward(it.to, letters(1)), ["busy"]);
    assert.equal(it.asked.length, 1);
  }
  assert.deepEqual(elsewhere.asked, []);
});

void test("forward() knows what each answer means for mail", async () => {
  for (const [status, receipt] of [
    [400, "rejected"],
    [401, "moved"],
    [403, "moved"],
    [404, "unknown"],
    [410, "terminated"],
    [413, "rejected"],
    [421, "moved"],
    [423, "busy"],
    [429, "busy"],
    [500, "busy"],
    [503, "busy"],
  ] as const) {
    const problem = JSON.stringify({ code: "INVALID", detail: "No", status });
    for (const [body, expected] of [
      [problem, receipt],
      // By whoever is in between, not by the home.
      ["{}", "busy"],
      ["<h1>Not found</h1>", "busy"],
    ] as const) {
      await using it = await home((response) => response.writeHead(status).end(body));
      const forwarder = httpForwarder({ clock: manualClock(0) });
      const receipts = await forwarder.forward(it.to, letters(1));
      assert.deepEqual(receipts, [expected], `${status} ${body}`);
    }
  }
  for (const answer of [
    "",
    "no",
    "null",
    "[]",
    "{}",
    '{"receipts":["accepted","accepted"]}',
    '{"receipts":["odd"]}',
  ]) {
    await using it = await home((response) => response.end(answer));
    const forwarder = httpForwarder({ clock: manualClock(0) });
    assert.deepEqual(await forwarder.forward(it.to, letters(1)), ["busy"], answer);
  }
});

void test("forward() sends nothing after what has to wait, as that would overtake it", async () => {
  let asked = 0;
  await using it = await home((response, ids) => {
    asked += 1;
    const receipts = ids.map(() => (asked === 1 ? "busy" : "accepted"));
    response.end(JSON.stringify({ receipts }));
  });
  const forwarder = httpForwarder({ clock: manualClock(0) });
  const receipts = await forwarder.forward(it.to, letters(100));
  assert.deepEqual(new Set(receipts), new Set(["busy"]));
  assert.equal(it.asked.length, 1);
  assert.deepEqual(new Set(await forwarder.forward(it.to, letters(100))), new Set(["accepted"]));
});

void test("forward() has only that mail refused that is refused, where many went at once", async () => {
  await using it = await home((response, ids) => {
    if (ids.includes("m1"))
      response.writeHead(400).end(JSON.stringify({ code: "INVALID", detail: "No" }));
    else accept(response, ids);
  });
  const forwarder = httpForwarder({ clock: manualClock(0) });
  assert.deepEqual(await forwarder.forward(it.to, letters(3)), [
    "accepted",
    "rejected",
    "accepted",
  ]);
});

void test("forward() leaves a home alone that did not answer, longer each time, and holds up no one else", async () => {
  let mute = true;
  await using it = await home((response, ids) => {
    if (!mute) accept(response, ids);
  });
  await using other = await home(accept);
  const clock = manualClock(0);
  const forwarder = httpForwarder({ clock, timeout: 5_000 });
  const waiting = forwarder.forward(it.to, letters(100));
  while (it.asked.length === 0) await new Promise(setImmediate);
  await clock.advance(5_000);
  assert.deepEqual(new Set(await waiting), new Set(["busy"]));
  assert.equal(it.asked.length, 1, "the rest of the mail waits behind");
  assert.deepEqual(await forwarder.forward(it.to, letters(1)), ["busy"]);
  assert.equal(it.asked.length, 1, "not asked again yet");
  assert.deepEqual(await forwarder.forward(other.to, letters(1)), ["accepted"]);
  await clock.advance(1_000);
  mute = false;
  assert.deepEqual(await forwarder.forward(it.to, letters(1)), ["accepted"]);
  assert.deepEqual(await forwarder.forward(it.to, letters(1)), ["accepted"]);
});

void test("forward() to where nobody listens is busy, and no error has the ticket", async () => {
  const clock = manualClock(0);
  const forwarder = httpForwarder({ clock });
  const to = { url: "http://127.0.0.1:1", agent: AGENT, ticket: "the-ticket", hops: 1 };
  assert.deepEqual(await forwarder.forward(to, letters(2)), ["busy", "busy"]);
});
