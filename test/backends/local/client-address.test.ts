import assert from "node:assert/strict";
import { test } from "node:test";
import { clientAddress } from "../../../src/backends/local/client-address.ts";

const address = (request: string, listening: string, publicUrl?: string): string =>
  clientAddress(new URL(request), { listening, publicUrl }).href;

void test("clientAddress() is the request's own where that names this server, by any name of loopback", () => {
  for (const host of ["127.0.0.1:4600", "localhost:4600", "[::1]:4600"]) {
    const url = `http://${host}/agents/a/send?x=1`;
    assert.equal(address(url, "http://127.0.0.1:4600"), url);
  }
  const lan = "http://10.0.0.7:4600/agents/a/send";
  assert.equal(address(lan, "http://10.0.0.7:4600"), lan);
});

void test("clientAddress() refuses what a client says of a host that is not this one", () => {
  for (const [request, listening] of [
    ["http://evil.example/a", "http://127.0.0.1:4600"],
    ["http://evil.example:4600/a", "http://127.0.0.1:4600"],
    ["http://127.0.0.1:80/a", "http://127.0.0.1:4600"],
    ["http://10.0.0.7:4600/a", "http://0.0.0.0:4600"],
    ["http://0.0.0.0:4600/a", "http://0.0.0.0:4600"],
  ] as const) {
    assert.throws(() => address(request, listening), { code: "DENIED" }, request);
  }
});

void test("clientAddress() is below the public address where there is one, whatever the client says", () => {
  const own = "http://127.0.0.1:4600";
  const url = address("http://evil.example/agents/a/send?x", own, "https://agents.example");
  assert.equal(url, "https://agents.example/agents/a/send?x");
});
