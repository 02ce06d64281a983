import assert from "node:assert/strict";
import { test } from "node:test";
import { manualClock } from "../../../src/testing/index.ts";
import { errno } from "../../vfs/home.ts";
import { httpTools, mounted, SECRET, until } from "./fixture.ts";

for (const old of [false, true]) {
  const of = old ? "of before 2026" : "of 2026-07-28";

  void test(`a server ${of} is reached over HTTP, let in by a secret that nobody is told`, async () => {
    await using http = await httpTools({ old });
    await using s = mounted({ url: http.url, headers: { authorization: { secret: "TOKEN" } } });
    assert.ok((await s.names()).includes("echo"));
    assert.equal(await s.call("echo", { text: "hello" }, { key: "the-key" }), "hello");
    assert.deepEqual(http.keys, ["the-key"]);
    assert.equal(await s.call("sum", { a: 1, b: 2 }), '{"sum":3}');
    await assert.rejects(s.call("fail"), errno("EREMOTEIO", /the disk is full$/));
    assert.deepEqual(JSON.parse(await s.call("env")), { TOKEN: "[secret TOKEN]" });
    assert.ok(http.seen.length > 5);
    assert.ok(http.seen.every((line) => line.endsWith(` ${SECRET}`)));
  });

  void test(`a connection to a server ${of} that is cut fails the call, and the next one works`, async () => {
    await using http = await httpTools({ old });
    await using s = mounted({ url: http.url });
    for (const tool of ["crash", "half"]) {
      assert.equal(await s.call("echo", { text: "before" }), "before");
      await assert.rejects(s.call(tool), (error: Error) =>
        /may have been done/.test(error.message),
      );
    }
    assert.equal(await s.call("echo", { text: "after" }), "after");
    await http.stop();
    await assert.rejects(s.call("echo", { text: "gone" }), errno("EHOSTUNREACH"));
    await http.start();
    assert.equal(await s.call("echo", { text: "back" }), "back");
  });

  void test(`what a server ${of} sends without end is cut off, and whoever leaves is told of`, async () => {
    await using http = await httpTools({ old });
    await using s = mounted({ url: http.url, timeout: "20s" }, { valueBytes: 1000 });
    await assert.rejects(s.call("big", { bytes: 1001 }), errno("EFBIG", /limits\.valueBytes/));
    await assert.rejects(s.call("big", { bytes: 5_000_000 }), errno("EFBIG", /above 67536 bytes/));
    const leaving = new AbortController();
    const stalled = s.call("stall", {}, { signal: leaving.signal });
    await until("called", () => http.seen.length > 0);
    setTimeout(() => leaving.abort(), 50);
    await assert.rejects(stalled, errno("EINTR"));
    if (!old) await until("told", () => http.left.length === 1);
  });
}

void test("what a server over HTTP answers in the place of an answer is told, with no secret in it", async () => {
  const answers: readonly (readonly [() => Response, RegExp])[] = [
    [
      () => new Response(`you are ${SECRET}`, { status: 401 }),
      /requires authorization \(HTTP 401\)/,
    ],
    [() => new Response(`you are ${SECRET}`, { status: 403 }), /^((?!s3cret).)*$/],
    [() => new Response("<html>no</html>", { status: 200 }), /cannot be reached/],
    [() => new Response("x".repeat(100_000), { status: 500 }), /^.{1,3000}$/s],
    [() => Response.redirect("http://127.0.0.2:1/elsewhere", 307), /redirect/i],
  ];
  for (const [answer, message] of answers) {
    await using http = await httpTools({ answer });
    const headers = { authorization: { secret: "TOKEN" } };
    await using s = mounted({ url: http.url, headers });
    await assert.rejects(s.call("echo"), errno("EHOSTUNREACH", message));
    assert.ok(s.logged.every((line) => !line.includes(SECRET)));
  }
});

void test("a server over HTTP that is let go tells of changes again once it is needed", async () => {
  const clock = manualClock(0);
  await using http = await httpTools();
  await using s = mounted({ url: http.url, idle: "1s" }, { clock });
  await s.call("echo", { text: "1" });
  await clock.advance(1000);
  await s.call("echo", { text: "2" });
  const listens = (): number => http.methods.filter((one) => one === "subscriptions/listen").length;
  await until("listened to", () => listens() === 2);
});
