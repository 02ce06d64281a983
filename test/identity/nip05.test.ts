import assert from "node:assert/strict";
import { test } from "node:test";

import { resolveNip05 } from "../../src/identity/nip05.ts";
import type { Nip05Options } from "../../src/identity/nip05.ts";

const KEY = "3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d";
const RELAYS = ["wss://a.example", "ws://b.example"];

/** A domain that gives one answer, and what it was asked. */
function domain(answer: () => Response | Promise<Response>): Nip05Options & {
  readonly asked: { readonly url: string; readonly init: RequestInit }[];
} {
  const asked: { readonly url: string; readonly init: RequestInit }[] = [];
  const fetch: Nip05Options["fetch"] = async (url, init) => {
    asked.push({ url, init });
    return answer();
  };
  return { fetch, asked };
}
const json = (value: unknown) => domain(() => Response.json(value));

void test("resolveNip05() asks the domain for the name, and gives key and relays", async () => {
  const asked = json({ names: { bob: KEY }, relays: { [KEY]: [...RELAYS, RELAYS[0]] } });
  const found = await resolveNip05("Bob@Example.com", asked);
  assert.deepEqual(found, { publicKey: KEY, relays: RELAYS });
  const [{ url, init }] = asked.asked as [{ url: string; init: RequestInit }];
  assert.equal(url, "https://example.com/.well-known/nostr.json?name=bob");
  assert.equal(init.redirect, "manual");
});

void test("resolveNip05() takes a domain alone for its root, and passes the signal on", async () => {
  const asked = json({ names: { _: KEY } });
  const { signal } = new AbortController();
  const found = await resolveNip05("sub.example.co", { ...asked, signal });
  assert.deepEqual(found, { publicKey: KEY, relays: [] });
  assert.match(asked.asked[0]!.url, /^https:\/\/sub\.example\.co\/.*name=_$/);
  assert.equal(asked.asked[0]!.init.signal, signal);
});

void test("resolveNip05() gives undefined for a name that the domain does not know", async () => {
  for (const answer of [{ names: {} }, {}, { names: { other: KEY } }, { names: null }, [], null]) {
    assert.equal(await resolveNip05("bob@example.com", json(answer)), undefined);
  }
  // Members that every object has are no names.
  assert.equal(await resolveNip05("constructor@example.com", json({ names: {} })), undefined);
  assert.equal(await resolveNip05("__proto__@example.com", json({ names: {} })), undefined);
});

void test("resolveNip05() refuses a key that is none, and passes over relays that are none", async () => {
  const unreachable = { code: "UNREACHABLE" };
  for (const key of ["npub1xyz", KEY.toUpperCase(), KEY.slice(1), "", 1, null, { key: KEY }]) {
    await assert.rejects(
      resolveNip05("bob@example.com", json({ names: { bob: key } })),
      unreachable,
    );
  }
  const relays = {
    [KEY]: [1, null, "https://a.example", "a.example", "wss://good.example", ["x"]],
  };
  const found = await resolveNip05("bob@example.com", json({ names: { bob: KEY }, relays }));
  assert.deepEqual(found!.relays, ["wss://good.example"]);
  for (const bad of [null, "x", { [KEY]: "wss://a.example" }, { [KEY]: null }]) {
    const found = await resolveNip05("bob@example.com", json({ names: { bob: KEY }, relays: bad }));
    assert.deepEqual(found!.relays, []);
  }
});

void test("resolveNip05() follows no redirect and takes no answer but 200", async () => {
  for (const status of [301, 302, 307, 308, 404, 500, 204]) {
    const headers = { location: "https://evil.example/.well-known/nostr.json" };
    const asked = domain(() => new Response(null, { status, headers }));
    await assert.rejects(resolveNip05("bob@example.com", asked), {
      code: "UNREACHABLE",
      message: `Cannot resolve "bob@example.com": its domain answers with status ${status}`,
    });
    assert.equal(asked.asked.length, 1);
  }
});

void test("resolveNip05() reads no more than a mebibyte", async () => {
  let sent = 0;
  let cancelled = false;
  const endless = (): Response =>
    new Response(
      new ReadableStream<Uint8Array>({
        pull(controller) {
          sent += 65_536;
          controller.enqueue(new Uint8Array(65_536).fill(32));
        },
        cancel() {
          cancelled = true;
        },
      }),
    );
  await assert.rejects(resolveNip05("bob@example.com", domain(endless)), { code: "UNREACHABLE" });
  assert.ok(sent < 2_000_000, `${sent} bytes`);
  assert.ok(cancelled);
});

void test("resolveNip05() gives UNREACHABLE for what is no answer", async () => {
  const bad = [
    () => new Response("no JSON"),
    () => new Response(""),
    () => new Response(Uint8Array.of(0xff, 0xfe)),
    () => Promise.reject(new TypeError("fetch failed")),
  ];
  for (const answer of bad) {
    await assert.rejects(resolveNip05("bob@example.com", domain(answer)), { code: "UNREACHABLE" });
  }
});

void test("resolveNip05() asks nobody for what is no identifier", async () => {
  const asked = json({ names: { bob: KEY } });
  const bad = [
    "",
    "bob",
    "bob@",
    "@example.com",
    "bob@localhost",
    "bob@127.0.0.1",
    "bob@2130706433",
    "bob@[::1]",
    "bob@example.com:8080",
    "bob@example.com/x",
    "bob@example.com?x=",
    "bob@user@example.com",
    "bob@-example.com",
    "bob@example..com",
    "bob@.example.com",
    "bob@example.com.",
    "b b@example.com",
    "b&b@example.com",
    "bob@exämple.com",
    `${"b".repeat(65)}@example.com`,
    `bob@${"a.".repeat(200)}com`,
    undefined,
    1,
  ];
  for (const one of bad) {
    await assert.rejects(resolveNip05(one as string, asked), { code: "INVALID" }, String(one));
  }
  assert.equal(asked.asked.length, 0);
});
