import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { OPERATIONS } from "../../src/control/operations.ts";
import { fixture } from "./fixture.ts";

const ORIGIN = "https://app.example";
const origins = [ORIGIN, "http://localhost:5173"];

/** What a browser asks before it sends a request of a page. */
const preflight = (origin: string, method = "PATCH") => ({
  method: "OPTIONS",
  headers: {
    origin,
    "access-control-request-method": method,
    "access-control-request-headers": "authorization, content-type, if-match",
  },
});

/** The headers of an answer that CORS is made of. */
function corsOf(response: Response): Record<string, string> {
  return Object.fromEntries(
    [...response.headers].filter(([name]) => name.startsWith("access-control-")),
  );
}

void test("CORS is off by default: no page of another origin is let in", async () => {
  await using f = await fixture();
  for (const path of ["/healthz", "/agents", "/agents/ada"]) {
    const asked = await f.api.request(path, preflight(ORIGIN));
    assert.ok(asked.status >= 400, String(asked.status));
    assert.deepEqual(corsOf(asked), {});
    assert.deepEqual(corsOf(await f.call("GET", path, { headers: { origin: ORIGIN } })), {});
  }
});

void test("a page of an origin that is named may ask before it is known who asks, for every operation", async () => {
  await using f = await fixture({ origins, ready: () => false });
  for (const { path, method } of OPERATIONS) {
    const asked = await f.api.request(
      path.replaceAll(/\{\w+\}/g, "ada"),
      preflight(ORIGIN, method.toUpperCase()),
    );
    assert.equal(asked.status, 204);
    assert.equal(asked.headers.get("access-control-allow-origin"), ORIGIN);
    assert.equal(asked.headers.get("vary"), "Origin");
    assert.equal(asked.headers.get("access-control-allow-credentials"), null);
    const methods = asked.headers.get("access-control-allow-methods") ?? "";
    assert.ok(methods.split(", ").includes(method.toUpperCase()), method);
    const allowed = (asked.headers.get("access-control-allow-headers") ?? "").split(", ");
    for (const name of ["authorization", "content-type", "idempotency-key", "if-match"]) {
      assert.ok(allowed.includes(name), name);
    }
    for (const name of ["last-event-id", "x-request-id", "traceparent"]) {
      assert.ok(allowed.includes(name), name);
    }
  }
});

void test("such a page may read answers, also of what was refused, and their headers", async () => {
  await using f = await fixture({ origins });
  const headers = { origin: ORIGIN };
  const answers = [
    await f.call("GET", "/agents/ada", { headers }),
    await f.call("GET", "/agents/nobody", { headers }),
    await f.call("POST", "/agents", { headers, body: { nonsense: 1 } }),
    await f.call("GET", "/agents/ada/stream", { headers }),
    await f.api.request("/agents", { headers }),
    await f.api.request("/healthz", { headers }),
  ];
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 404, 400, 200, 401, 200],
  );
  for (const answer of answers) {
    assert.equal(answer.headers.get("access-control-allow-origin"), ORIGIN);
    assert.equal(answer.headers.get("access-control-allow-credentials"), null);
    assert.equal(answer.headers.get("vary"), "Origin");
    const exposed = (answer.headers.get("access-control-expose-headers") ?? "").split(", ");
    for (const name of ["etag", "location", "retry-after", "ratelimit", "x-request-id"]) {
      assert.ok(exposed.includes(name), name);
    }
    if (!answer.bodyUsed) await answer.body?.cancel();
  }
});

void test("pages of all other origins are told nothing", async () => {
  await using f = await fixture({ origins });
  const odd = [
    "null",
    "*",
    "https://app.example.evil.example",
    "http://app.example",
    "https://app.example:444",
    "https://APP.example",
    "https://app.example/",
    "",
  ];
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.constantFrom(...odd), fc.webUrl()), async (origin) => {
      fc.pre(!origins.includes(origin));
      const asked = await f.api.request("/agents", preflight(origin));
      assert.ok(asked.status >= 400, String(asked.status));
      assert.deepEqual(corsOf(asked), {});
      const got = await f.call("GET", "/agents", { headers: { origin } });
      assert.deepEqual(corsOf(got), {});
      assert.equal(got.headers.get("vary"), "Origin");
    }),
  );
});

void test("what is no origin is refused when the API is made", async () => {
  const wrong = [
    "*",
    "null",
    "app.example",
    "https://app.example/",
    "https://*.example",
    "ftp://x",
  ];
  for (const origin of wrong) {
    await assert.rejects(fixture({ origins: [origin] }), { code: "CONFIG" }, origin);
  }
});
