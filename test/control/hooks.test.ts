import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { connect } from "node:net";
import { test } from "node:test";
import * as fc from "fast-check";
import { listen } from "../../src/backends/local/http-server.ts";
import { directSink, plumbedSink } from "../../src/control/plumbed.ts";
import { ENVELOPE_HEADER, handleHook } from "../../src/control/hooks.ts";
import type { HookSink } from "../../src/control/plumbed.ts";
import type { HookHandling as Handling } from "../../src/control/hooks.ts";
import { HttpError } from "../../src/control/problem.ts";
import type { Problem } from "../../src/control/problem.ts";
import {
  createRuntime,
  defineAgent,
  defineRuntime,
  OpenAgentsError,
  systemClock,
  systemRandom,
} from "../../src/index.ts";
import type { HookOptions, Json, Runtime } from "../../src/index.ts";
import type { PlumberRules } from "../../src/core/plumber-rules.ts";
import { compileRules } from "../../src/drivers/plumber.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";
import { memoryStore } from "../../src/stores/memory.ts";

const SECRET = "It's a Secret to Everybody";
const sign = (body: string | Uint8Array): string =>
  `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`;

/** Answers what its mail's body says: `{ answer }`; fails at "fail", says nothing at "mute". */
const answers = defineAgent({
  name: "answers",
  state: { seen: [] as Json[] },
  retry: { retries: 0 },
  async onTrigger(ctx, trigger) {
    const { source, from, type, payload, headers } = trigger;
    ctx.state.seen.push({ source, from, type, payload, headers, id: trigger.id });
    const { body } = payload as { body: { answer?: Json } | string | null };
    if (body === "fail") throw new Error("a detail that is not for everybody");
    if (body === "wait") await ctx.sleep("1h");
    if (body !== null && typeof body === "object" && "answer" in body) await ctx.reply(body.answer);
  },
});

const HOOKS = {
  github: { verify: "github", secret: "GITHUB" },
  replies: { verify: "github", secret: "GITHUB", reply: true, wait: "2s", type: "message" },
  slack: { verify: "slack", secret: "SLACK" },
  bound: { verify: "github", secret: "GITHUB", agents: ["ada"] },
  form: { verify: { header: "x-sig" }, secret: "GITHUB", headers: ["X-Shop"] },
} as const satisfies Record<string, HookOptions>;

interface Setting {
  readonly runtime: Runtime;
  readonly handle: (request: Request) => Promise<Response>;
  readonly seen: () => Promise<Seen[]>;
  [Symbol.asyncDispose](): Promise<void>;
}

interface Seen {
  readonly id: string;
  readonly source: string;
  readonly from: string;
  readonly type: string;
  readonly headers: Record<string, string>;
  readonly payload: {
    readonly method: string;
    readonly path: string;
    readonly query: Record<string, unknown>;
    readonly headers: Record<string, string>;
    readonly body: Json;
    readonly encoding: string;
  };
}

async function setting(
  options: Partial<Handling> = {},
  sinkOf: (runtime: Runtime) => HookSink = directSink,
): Promise<Setting> {
  const definition = defineRuntime({
    agents: [answers],
    ensure: [{ name: "ada", type: "answers" }],
    hooks: HOOKS,
  });
  const runtime = createRuntime({
    definition,
    store: memoryStore(),
    signer: derivedSigner(newMnemonic()),
  });
  await runtime.start();
  const handling: Handling = {
    hooks: definition.hooks,
    secrets: (name) => ({ GITHUB: SECRET, SLACK: "s" })[name],
    sink: sinkOf(runtime),
    authorize: async ({ headers }) => {
      const given = headers.get("authorization");
      if (given === "Bearer good") return "root";
      if (given === "Bearer other") return "token:other";
      throw new HttpError(401, "DENIED", "Cannot authorize: give a token");
    },
    clock: systemClock,
    random: systemRandom,
    bodyBytes: 4096,
    ...options,
  };
  return {
    runtime,
    handle: (request) => handleHook(request, handling),
    async seen() {
      await runtime.settled();
      return (await runtime.state("ada"))["seen"] as unknown as Seen[];
    },
    [Symbol.asyncDispose]: () => runtime.stop(0),
  };
}

interface Sending {
  readonly path?: string;
  readonly body?: string | Uint8Array;
  readonly headers?: Record<string, string>;
  readonly delivery?: string;
}

function signed({ path = "ada/github", body = "{}", headers, delivery = "d-1" }: Sending): Request {
  return new Request(`http://home/hooks/${path}`, {
    method: "POST",
    body: body as string,
    headers: { "x-hub-signature-256": sign(body), "x-github-delivery": delivery, ...headers },
  });
}

const problem = async (response: Response): Promise<Problem> => {
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  return (await response.json()) as Problem;
};

void test("a signed request becomes an event, with what it says and nothing that lets anybody in", async () => {
  await using home = await setting();
  const response = await home.handle(
    signed({
      path: "ada/github/deep/er%20path?a=1&a=2&b=%C3%A9&__proto__=x&token=no",
      body: '{"zen":"Keep it logically awesome."}',
      headers: {
        "content-type": "application/json",
        "x-github-event": "ping",
        authorization: "Bearer secret",
        cookie: "a=b",
        "x-custom": "not asked for",
        "user-agent": "GitHub-Hookshot/044aadd",
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      },
    }),
  );
  assert.equal(response.status, 202);
  assert.deepEqual(await response.json(), { id: "github:d-1", receipt: "accepted" });
  assert.equal(response.headers.get(ENVELOPE_HEADER), "github:d-1");
  const [mail] = await home.seen();
  assert.deepEqual(mail, {
    id: "github:d-1",
    source: "webhook",
    from: "github",
    type: "event",
    headers: {
      "content-type": "application/json",
      "user-agent": "GitHub-Hookshot/044aadd",
      "x-github-delivery": "d-1",
      "x-github-event": "ping",
      traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    },
    payload: {
      method: "POST",
      path: "/deep/er%20path",
      query: JSON.parse('{"a":["1","2"],"b":"é","__proto__":"x"}') as object,
      headers: {
        "content-type": "application/json",
        "user-agent": "GitHub-Hookshot/044aadd",
        "x-github-delivery": "d-1",
        "x-github-event": "ping",
      },
      body: { zen: "Keep it logically awesome." },
      encoding: "json",
    },
  });
});

void test("what is JSON comes as JSON, other text as text, anything else as base64", async () => {
  await using home = await setting();
  const bodies: readonly (readonly [string | Uint8Array, Json, string])[] = [
    ["", null, "none"],
    ["[1, 2]", [1, 2], "json"],
    ["a=1&b=2", "a=1&b=2", "text"],
    ['"\\ud800"', '"\\ud800"', "text"],
    ["[".repeat(1000) + "]".repeat(1000), "[".repeat(1000) + "]".repeat(1000), "text"],
    [new Uint8Array([0xff, 0x00, 0xfe]), "/wD+", "base64"],
  ];
  for (const [i, [body]] of bodies.entries()) {
    const response = await home.handle(signed({ body, delivery: `b-${i}` }));
    assert.equal(response.status, 202, await response.text());
  }
  const seen = await home.seen();
  assert.deepEqual(
    seen.map(({ payload }) => [payload.body, payload.encoding]),
    bodies.map(([, body, encoding]) => [body, encoding]),
  );
});

void test("the same delivery again is a repetition, and another source cannot take its id", async () => {
  await using home = await setting();
  const first = await home.handle(signed({}));
  const again = await home.handle(signed({}));
  assert.equal(((await first.json()) as { receipt: string }).receipt, "accepted");
  assert.equal(again.status, 202);
  assert.equal(((await again.json()) as { receipt: string }).receipt, "duplicate");
  const other = await home.handle(signed({ path: "ada/replies?wait=1s" }));
  assert.equal(other.headers.get(ENVELOPE_HEADER), "replies:d-1");
  assert.equal((await home.seen()).length, 2);
});

void test("whatever is wrong with a signature has the same answer", async () => {
  await using home = await setting();
  const good = signed({});
  const requests = [
    new Request(good, { headers: {} }),
    new Request(signed({}), { headers: { "x-hub-signature-256": "sha256=00" } }),
    new Request("http://home/hooks/nobody/github", { method: "POST", body: "x" }),
    signed({ headers: { "x-hub-signature-256": sign("another") } }),
    signed({ headers: { "x-hub-signature-256": "sha1=0" } }),
    signed({ path: "ada/slack", headers: { "x-slack-signature": "v0=1" } }),
    // A token is no signature.
    signed({ headers: { authorization: "Bearer good", "x-hub-signature-256": "" } }),
  ];
  const answers = await Promise.all(
    requests.map(async (request) => {
      const response = await home.handle(request);
      assert.equal(response.status, 401);
      return response.text();
    }),
  );
  assert.equal(new Set(answers).size, 1, answers.join("\n"));
  assert.deepEqual(await home.seen(), []);
});

void test("what is signed and still no good is refused as what it is", async () => {
  await using home = await setting();
  const { "x-github-delivery": _none, ...headers } = Object.fromEntries(signed({}).headers);
  const noId = new Request("http://home/hooks/ada/github", { method: "POST", body: "{}", headers });
  const cases: readonly (readonly [Request, number, string])[] = [
    [noId, 400, "INVALID"],
    [signed({ path: "nobody/github" }), 404, "NOT_FOUND"],
    [signed({ path: "-/github" }), 404, "NOT_FOUND"],
    [signed({ path: "ada/github?wait=5h" }), 400, "INVALID"],
    [signed({ body: "x".repeat(4097) }), 413, "LIMIT"],
    [new Request("http://home/hooks/ada/github"), 405, "INVALID"],
    [new Request("http://home/hooks/ada/github", { method: "DELETE" }), 405, "INVALID"],
  ];
  for (const [request, status, code] of cases) {
    const response = await home.handle(request);
    assert.deepEqual(
      [response.status, (await problem(response)).code],
      [status, code],
      request.url,
    );
  }
});

void test("a source without a hook needs the API's own authorization, and is mail by http", async () => {
  await using home = await setting();
  const to = "http://home/hooks/ada/lamp/on";
  for (const headers of [{}, { authorization: "Bearer bad" }] as Record<string, string>[]) {
    const response = await home.handle(new Request(to, { method: "POST", headers }));
    assert.equal(response.status, 401);
  }
  const headers = { authorization: "Bearer good" };
  for (const method of ["GET", "PUT"]) {
    const body = method === "GET" ? {} : { body: "x" };
    const response = await home.handle(new Request(to, { method, headers, ...body }));
    assert.equal(response.status, 202);
  }
  assert.equal((await home.handle(new Request(to, { method: "HEAD", headers }))).status, 405);
  const seen = await home.seen();
  assert.deepEqual(
    seen.map(({ source, from, payload }) => [source, from, payload.method, payload.path]),
    [
      ["http", "lamp", "GET", "/on"],
      ["http", "lamp", "PUT", "/on"],
    ],
  );
  assert.match(seen[0]!.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  const key = { ...headers, "idempotency-key": "k-1" };
  const twice = [1, 2].map(() => home.handle(new Request(to, { method: "POST", headers: key })));
  for (const response of await Promise.all(twice)) {
    assert.equal(response.headers.get(ENVELOPE_HEADER), "http:root:lamp:k-1");
  }
  assert.equal((await home.seen()).length, 3);
});

void test("no key of a request has the place of what anybody else sends", async () => {
  await using home = await setting();
  const send = async (token: string, key: string, source = "lamp"): Promise<string> => {
    const response = await home.handle(
      new Request(`http://home/hooks/ada/${source}`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "idempotency-key": key },
      }),
    );
    const { receipt } = (await response.json()) as { receipt: string };
    assert.equal(response.status, 202, receipt);
    return `${response.headers.get(ENVELOPE_HEADER)} ${receipt}`;
  };
  const due = "schedule:pay:1790000000000";
  assert.equal(await send("good", due), `http:root:lamp:${due} accepted`);
  assert.equal(await send("good", due, "door"), `http:root:door:${due} accepted`);
  assert.equal(await send("other", due), `http:token:other:lamp:${due} accepted`);
  assert.equal(await send("other", due), `http:token:other:lamp:${due} duplicate`);
  assert.equal(await send("good", "github:d-1"), "http:root:lamp:github:d-1 accepted");
  assert.equal(await send("good", "alarm:x"), "http:root:lamp:alarm:x accepted");
  const [long, longer] = ["x".repeat(300), "x".repeat(301)];
  assert.match(await send("good", long), /^http:root:lamp:sha256:[0-9a-f]{64} accepted$/);
  assert.match(await send("good", longer), / accepted$/);
  const wide = "s".repeat(100);
  assert.match(await send("good", "k".repeat(96), wide), /^http:sha256:[0-9a-f]{64} accepted$/);
  assert.match(await send("good", "k".repeat(95), wide), / accepted$/);
  const fired = { id: due, sentAt: 1, source: "schedule", from: "schedule:pay", to: "ada" };
  const mail = { ...fired, type: "message", payload: { body: null } } as const;
  assert.deepEqual(await home.runtime.accept([mail]), ["accepted"]);
  const delivered = await home.handle(signed({}));
  assert.deepEqual(await delivered.json(), { id: "github:d-1", receipt: "accepted" });
});

void test("no address is a key's, the kernel's or outside of hooks", async () => {
  await using home = await setting();
  const headers = { authorization: "Bearer good" };
  const npub = (await home.runtime.get("ada")).id;
  for (const path of [
    `ada/${npub}`,
    `ada/${"a".repeat(64)}`,
    "ada",
    "",
    "ada/",
    "/lamp",
    "ada/%2e%2e/%2e%2e/agents",
    "ada/la%2fmp",
    "a%0d%0ab/lamp",
    "ada/%ff",
    "../agents",
    "ada/lamp%00",
    "..%2fagents/lamp",
  ]) {
    const response = await home.handle(
      new Request(`http://home/hooks/${path}`, { method: "POST", headers }),
    );
    assert.equal(response.status, 404, path);
  }
});

void test("the agent's reply is the response, when somebody waits for it", async () => {
  await using home = await setting();
  let count = 0;
  const ask = async (answer: Json): Promise<Response> => {
    count += 1;
    const body = JSON.stringify({ answer });
    return home.handle(signed({ path: "ada/github?wait=10s", body, delivery: `r-${count}` }));
  };
  const text = await ask("plain");
  assert.deepEqual([text.status, await text.json()], [200, "plain"]);
  const json = await ask({ status: "ok" });
  assert.deepEqual([json.status, await json.json()], [200, { status: "ok" }]);
  assert.equal(json.headers.get("content-type"), "application/json");
  const whole = await ask({
    status: 418,
    headers: {
      "Content-Type": "text/html",
      "Set-Cookie": "a=b",
      Connection: "close",
      "Transfer-Encoding": "chunked",
      "Content-Length": "3",
      "X-Accel-Redirect": "/etc/passwd",
      "Access-Control-Allow-Origin": "*",
      "X-Request-Id": "a\r\nSet-Cookie: b=c",
      "Content-Security-Policy": "none",
      Location: "https://example.com",
    },
    body: "<b>tea</b>",
  });
  assert.deepEqual([whole.status, await whole.text()], [418, "<b>tea</b>"]);
  assert.deepEqual(Object.fromEntries(whole.headers), {
    "content-security-policy": "sandbox; default-src 'none'",
    "content-type": "text/html",
    location: "https://example.com",
    [ENVELOPE_HEADER]: "github:r-3",
    "x-content-type-options": "nosniff",
  });
  const empty = await ask({ status: 204, body: "left out" });
  assert.deepEqual([empty.status, await empty.text()], [204, ""]);
  const none = await home.handle(signed({ path: "ada/github?wait=10s", delivery: "none" }));
  assert.deepEqual([none.status, none.headers.get(ENVELOPE_HEADER)], [204, "github:none"]);
  const failed = await home.handle(
    signed({ path: "ada/github?wait=10s", body: "fail", delivery: "failed" }),
  );
  assert.equal(failed.status, 502);
  assert.ok(!(await problem(failed)).detail.includes("a detail"));
});

void test("any reply of an agent is a response, with no header that it may not set", async () => {
  await using home = await setting();
  let count = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.jsonValue(),
        fc.record(
          {
            status: fc.oneof(fc.integer({ min: 100, max: 700 }), fc.jsonValue()),
            headers: fc.oneof(
              fc.dictionary(
                fc.oneof(fc.constantFrom("content-type", "Location", "set-cookie"), fc.string()),
                fc.string({ unit: "binary" }),
              ),
              fc.jsonValue(),
            ),
            body: fc.jsonValue(),
          },
          { requiredKeys: [] },
        ),
      ),
      async (answer) => {
        count += 1;
        const body = JSON.stringify({ answer });
        fc.pre(body.length < 4000 && !/\\ud[89a-f]/.test(body));
        const response = await home.handle(
          signed({ path: "ada/github?wait=10s", body, delivery: `f-${count}` }),
        );
        assert.ok(response.status >= 200 && response.status < 600);
        assert.equal(response.headers.get("set-cookie"), null);
        await response.text();
      },
    ),
    { numRuns: 200 },
  );
});

void test("who has waited long enough gets 202 for ?wait, and 504 where the hook has replies", async () => {
  await using home = await setting();
  const asked = await home.handle(
    signed({ path: "ada/github?wait=50ms", body: "wait", delivery: "w-1" }),
  );
  assert.deepEqual(
    [asked.status, await asked.json()],
    [202, { id: "github:w-1", receipt: "accepted" }],
  );
  const always = signed({ path: "ada/replies", body: "wait", delivery: "w-2" });
  const late = await home.handle(always);
  assert.equal(late.status, 504);
  assert.equal(late.headers.get(ENVELOPE_HEADER), "replies:w-2");
  // The sender tries again, and gets what became of the first.
  const body = '{"answer":{"status":201,"body":{"n":1}}}';
  for (const _ of [1, 2]) {
    const response = await home.handle(signed({ path: "ada/replies", body, delivery: "w-3" }));
    assert.deepEqual([response.status, await response.json()], [201, { n: 1 }]);
  }
  const messages = (await home.seen()).filter(({ from }) => from === "replies");
  assert.deepEqual(new Set(messages.map(({ type }) => type)), new Set(["message"]));
});

void test("Slack's challenge is answered, and no agent hears of it", async () => {
  await using home = await setting();
  const body = '{"type":"url_verification","challenge":"3eZbrw1aB"}';
  const now = String(Math.floor(Date.now() / 1000));
  const signature = createHmac("sha256", "s").update(`v0:${now}:${body}`).digest("hex");
  const response = await home.handle(
    new Request("http://home/hooks/ada/slack", {
      method: "POST",
      body,
      headers: { "x-slack-request-timestamp": now, "x-slack-signature": `v0=${signature}` },
    }),
  );
  assert.deepEqual([response.status, await response.text()], [200, "3eZbrw1aB"]);
  assert.deepEqual(await home.seen(), []);
});

void test("hooks of any HMAC show the headers that are asked for", async () => {
  await using home = await setting();
  const body = "order";
  const headers = { "x-sig": sign(body).slice(7), "X-Shop": "here", "X-Other": "no" };
  const post = (): Request =>
    new Request("http://home/hooks/ada/form", { method: "POST", body, headers });
  assert.equal((await home.handle(post())).status, 202);
  const again = (await (await home.handle(post())).json()) as { receipt: string };
  assert.equal(again.receipt, "duplicate");
  const [mail] = await home.seen();
  assert.equal(mail!.payload.headers["x-shop"], "here");
  assert.equal(mail!.payload.headers["x-other"], undefined);
  assert.equal(mail!.payload.headers["x-sig"], undefined);
});

void test("over a socket: a body that does not come, is too large or is cut off is let go of", async () => {
  await using home = await setting({ bodyTime: 100 });
  const server = await listen((request) => home.handle(request), { host: "127.0.0.1", port: 0 });
  const { port } = new URL(server.url);
  const head = "POST /hooks/ada/github HTTP/1.1\r\nhost: x\r\n";
  const say = (text: string, end = false): Promise<string> =>
    new Promise((resolve) => {
      let heard = "";
      const socket = connect(Number(port), "127.0.0.1", () => {
        socket.write(text);
        if (end) socket.end();
      });
      socket.on("data", (data) => {
        heard += data.toString();
        if (heard.includes("\r\n\r\n")) socket.destroy();
      });
      socket.on("error", () => undefined);
      socket.on("close", () => resolve(heard));
    });
  try {
    assert.match(await say(`${head}content-length: 10\r\n\r\nabc`), /^HTTP\/1\.1 408 /);
    assert.match(await say(`${head}content-length: 999999\r\n\r\nabc`), /^HTTP\/1\.1 413 /);
    const chunk = `1000\r\n${"x".repeat(4096)}\r\n`;
    assert.match(
      await say(`${head}transfer-encoding: chunked\r\n\r\n${chunk}${chunk}`),
      /^HTTP\/1\.1 413 /,
    );
    await say(`${head}content-length: 10\r\n\r\nabc`, true);
    assert.deepEqual(await home.seen(), []);
  } finally {
    await server.close(0);
  }
});

void test("rules say who gets what comes in, by its headers and body", async () => {
  const rules = compileRules({
    rules: [
      { name: "pings", when: { headers: { "x-github-event": "ping" } }, drop: "noise" },
      { name: "all", when: { source: "webhook" }, send: ["ada", "eve"] },
    ],
  } satisfies PlumberRules);
  await using home = await setting({}, (runtime) => plumbedSink(rules, runtime));
  await home.runtime.create({ name: "eve", type: "answers" });
  const body = '{"answer":{"status":201}}';
  const asked = await home.handle(signed({ path: "-/github?wait=10s", body }));
  assert.equal(asked.status, 201);
  const again = await home.handle(signed({ path: "-/github", body }));
  assert.deepEqual(await again.json(), { id: "github:d-1", receipt: "duplicate" });
  await home.runtime.settled();
  const eve = (await home.runtime.state("eve"))["seen"] as unknown as Seen[];
  assert.deepEqual(
    [...(await home.seen()), ...eve].map(({ headers }) => headers["plumber-rule"]),
    ["all", "all"],
  );
  const dropped = await home.handle(
    signed({ path: "ada/github", delivery: "d-2", headers: { "x-github-event": "ping" } }),
  );
  assert.deepEqual(await dropped.json(), { id: "github:d-2", receipt: "dropped" });
  const unrouted = await home.handle(
    new Request("http://home/hooks/-/lamp", {
      method: "POST",
      headers: { authorization: "Bearer good" },
    }),
  );
  assert.equal(unrouted.status, 404);
  const direct = await home.handle(
    new Request("http://home/hooks/ada/lamp", {
      method: "POST",
      headers: { authorization: "Bearer good" },
    }),
  );
  assert.equal(direct.status, 202);
  assert.equal((await home.seen()).at(-1)!.headers["plumber-rule"], "direct");
  const nobody = await home.handle(
    new Request("http://home/hooks/nobody/lamp", {
      method: "POST",
      headers: { authorization: "Bearer good" },
    }),
  );
  assert.equal(nobody.status, 404);
});

void test("what is busy is to be sent again in a moment", async () => {
  const busy = Promise.reject(new OpenAgentsError("BUSY", "it is moving"));
  busy.catch(() => undefined);
  await using home = await setting({}, () => ({ send: () => busy, ask: () => busy }));
  for (const path of ["ada/github", "ada/replies"]) {
    const response = await home.handle(signed({ path }));
    assert.deepEqual([response.status, response.headers.get("retry-after")], [503, "1"]);
    assert.equal((await problem(response)).code, "BUSY");
  }
});

void test("a hook that is bound to agents lets in nothing for others, not by the address of one", async () => {
  await using home = await setting();
  await home.runtime.create({ name: "eve", type: "answers" });
  assert.equal((await home.handle(signed({ path: "ada/bound" }))).status, 202);
  const replayed = await home.handle(signed({ path: "eve/bound" }));
  assert.equal(replayed.status, 403);
  assert.equal((await problem(replayed)).code, "DENIED");
  const { id } = await home.runtime.get("ada");
  assert.equal((await home.handle(signed({ path: `${id}/bound` }))).status, 403);
  const unsigned = new Request("http://home/hooks/eve/bound", { method: "POST", body: "x" });
  assert.equal((await home.handle(unsigned)).status, 401);
});
