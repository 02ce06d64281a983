import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { defineAgent, defineRuntime, OpenAgentsError } from "../../../src/index.ts";
import type { HmacOptions, HookOptions } from "../../../src/index.ts";
import {
  secretProblems,
  signStandard,
  standardKey,
  verifyWebhook,
} from "../../../src/drivers/webhook.ts";
import type { Verified } from "../../../src/drivers/webhook.ts";
import { hmac, toBase64, toHex, utf8 } from "../../../src/drivers/webhook/hmac.ts";
import { manualClock } from "../../../src/testing/manual-clock.ts";
import { VECTORS } from "./vectors.ts";
import type { Vector } from "./vectors.ts";

const agent = defineAgent({ name: "a", onEvent: () => undefined });

interface Given {
  readonly hook: HookOptions;
  readonly secrets: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
  readonly at?: number;
}

async function check(given: Given): Promise<Verified | undefined> {
  const { hook, secrets, headers, body, at = 0 } = given;
  const { hooks } = defineRuntime({ agents: [agent], hooks: { x: hook } });
  return verifyWebhook({
    hook: hooks.get("x")!,
    headers: new Headers(headers),
    body: typeof body === "string" ? utf8(body) : body,
    secrets: (name) => secrets[name],
    clock: manualClock(at),
  });
}

function asGiven({ verify, secret, headers, body, at }: Vector): Given {
  return { hook: { verify, secret: "S" }, secrets: { S: secret }, headers, body, at };
}

/** One bit of one byte flipped. */
function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  const at = bit % (bytes.length * 8);
  copy[at >> 3]! ^= 1 << (at & 7);
  return copy;
}

const latin = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const fromLatin = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

for (const vector of VECTORS) {
  void test(`${vector.verify}: what ${vector.name} signed is let in, with its id`, async () => {
    assert.equal((await check(asGiven(vector)))?.id, vector.id);
  });

  void test(`${vector.verify}: any flipped bit in body or signature is refused`, async () => {
    const given = asGiven(vector);
    const body = utf8(vector.body);
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (bit) => {
        assert.equal(await check({ ...given, body: flipped(body, bit) }), undefined);
      }),
    );
    // Of Stripe's header only the time and the one signature that counts.
    const text = vector.headers[vector.signature]!.replace(/,v0=.*/, "");
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (bit) => {
        const wrong = fromLatin(flipped(latin(text), bit));
        // What cannot stand in a header, or is no part of a value there, cannot come.
        fc.pre(/^[\x21-\x7e]+$/.test(wrong));
        const headers = { ...vector.headers, [vector.signature]: wrong };
        assert.equal(await check({ ...given, headers }), undefined, wrong);
      }),
    );
  });

  void test(`${vector.verify}: another secret, none, an empty one, and no signature are refused`, async () => {
    const given = asGiven(vector);
    for (const secrets of [{ S: "d2hhdGV2ZXI=" }, {}, { S: "" }, { T: vector.secret }]) {
      assert.equal(await check({ ...given, secrets }), undefined);
    }
    const { [vector.signature]: _gone, ...headers } = vector.headers;
    assert.equal(await check({ ...given, headers }), undefined);
    for (const wrong of [
      "",
      "v1",
      "v1,",
      "v1=",
      "sha256=",
      "v0=",
      "t=1",
      ",,,",
      "=".repeat(5000),
    ]) {
      const malformed = { ...headers, [vector.signature]: wrong };
      assert.equal(await check({ ...given, headers: malformed }), undefined, wrong);
    }
  });

  void test(`${vector.verify}: a secret that is being changed: any of the names is good`, async () => {
    const given = asGiven(vector);
    const hook = { ...given.hook, secret: ["OLD", "NEW"] };
    for (const secrets of [
      { OLD: vector.secret, NEW: "bmV3" },
      { OLD: "b2xk", NEW: vector.secret },
      { NEW: vector.secret },
    ]) {
      const found = await check({ ...given, hook, secrets });
      assert.equal(found?.id, vector.id);
    }
  });

  if (vector.verify !== "github") {
    void test(`${vector.verify}: what is signed too long ago, or ahead, is refused`, async () => {
      const given = asGiven(vector);
      const text = vector.headers["stripe-signature"]?.slice(2, 12);
      const named =
        vector.headers["x-slack-request-timestamp"] ?? vector.headers["webhook-timestamp"];
      const signedAt = Number(text ?? named) * 1000;
      for (const [away, good] of [
        [300_000, true],
        [300_001, false],
        [-300_000, true],
        [-300_001, false],
      ] as const) {
        const found = await check({ ...given, at: signedAt + away });
        assert.equal(found !== undefined, good, String(away));
      }
      const hook = { ...given.hook, tolerance: "1h" };
      assert.ok(await check({ ...given, hook, at: signedAt + 3_600_000 }));
    });
  }
}

void test("hmac() gives what RFC 4231 says, test cases 2 and 6", async () => {
  const two = await hmac("sha256", utf8("Jefe"), ["what do ya want ", utf8("for nothing?")]);
  assert.equal(toHex(two), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const six = await hmac("sha512", new Uint8Array(131).fill(0xaa), [
    "Test Using Larger Than Block-Size Key - Hash Key First",
  ]);
  assert.equal(
    toHex(six),
    "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
  );
});

void test("stripe: one good signature among several is enough, and two times are none", async () => {
  const given = asGiven(VECTORS.find(({ verify }) => verify === "stripe")!);
  const [time, good] = given.headers["stripe-signature"]!.split(",");
  const bad = `v1=${"0".repeat(64)}`;
  const of = (header: string): Promise<Verified | undefined> =>
    check({ ...given, headers: { "stripe-signature": header } });
  assert.ok(await of(`${time},${bad},${good}`));
  assert.ok(await of(`${time}, ${good}, ${bad}`));
  assert.equal(await of(`${time},${bad}`), undefined);
  assert.equal(await of(`t=1,${time},${good}`), undefined);
  assert.equal(await of(`${time},t=1,${good}`), undefined);
  assert.equal(await of(`${good}`), undefined);
});

const KEY = "whsec_" + toBase64(new Uint8Array(32).map((_, i) => i * 7));

void test("standard: what its own library signs is let in, and what we sign its library takes", async () => {
  const theirs = new Webhook(KEY);
  const hook: HookOptions = { verify: "standard", secret: "S" };
  await fc.assert(
    fc.asyncProperty(
      fc.stringMatching(/^[\w-]{1,40}$/),
      fc.string({ unit: "grapheme", maxLength: 200 }),
      async (id, body) => {
        const now = new Date(Math.floor(Date.now() / 1000) * 1000);
        const timestamp = String(now.getTime() / 1000);
        const headers = { "webhook-id": id, "webhook-timestamp": timestamp };
        const signature = theirs.sign(id, now, body);
        const signed = { ...headers, "webhook-signature": `v1a,x ${signature}` };
        const found = await check({
          hook,
          secrets: { S: KEY },
          headers: signed,
          body,
          at: now.getTime(),
        });
        assert.equal(found?.id, id);
        const ours = await signStandard(standardKey(KEY)!, { id, timestamp, body });
        theirs.verify(body, { ...headers, "webhook-signature": ours }, { jsonParse: false });
      },
    ),
  );
});

void test("standard: a point in the id would let parts change places, and is refused", async () => {
  const at = 1_700_000_000_000;
  const parts = { id: "a.1700000000", timestamp: "1700000000", body: "x" };
  const signature = await signStandard(standardKey(KEY)!, parts);
  const headers = {
    "webhook-id": parts.id,
    "webhook-timestamp": parts.timestamp,
    "webhook-signature": signature,
  };
  const hook: HookOptions = { verify: "standard", secret: "S" };
  assert.equal(await check({ hook, secrets: { S: KEY }, headers, body: "x", at }), undefined);
});

void test("slack: its challenge is answered when it is signed, and an event's id is that in its body", async () => {
  const hook: HookOptions = { verify: "slack", secret: "S" };
  const signed = async (body: string): Promise<Verified | undefined> => {
    const made = toHex(await hmac("sha256", utf8("s3cret"), [`v0:1700000000:${body}`]));
    const headers = {
      "x-slack-request-timestamp": "1700000000",
      "x-slack-signature": `v0=${made}`,
    };
    return check({ hook, secrets: { S: "s3cret" }, headers, body, at: 1_700_000_000_000 });
  };
  const asked = await signed(JSON.stringify({ type: "url_verification", challenge: "3eZbr" }));
  assert.equal(asked?.challenge, "3eZbr");
  const event = await signed(JSON.stringify({ type: "event_callback", event_id: "Ev1" }));
  assert.deepEqual(event, { id: "Ev1" });
});

const FORMS: readonly HmacOptions[] = [
  { header: "X-Sig" },
  { header: "X-Sig", algorithm: "sha512", prefix: "sha512=" },
  { header: "X-Sig", encoding: "base64", id: "X-Id" },
  { header: "X-Sig", algorithm: "sha512", encoding: "base64", timestamp: "X-Time" },
  { header: "X-Sig", timestamp: "X-Time", id: "X-Id", signs: "{id}{timestamp}{body}" },
  { header: "X-Sig", timestamp: "X-Time", signs: "v0:{timestamp}:{body}:end" },
];

void test("any HMAC: each form is let in as it is signed, and refused with any bit flipped", async () => {
  const at = 1_700_000_000_000;
  for (const form of FORMS) {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        fc.nat(),
        fc.boolean(),
        async (body, bit, millis) => {
          const time = String(millis ? at : at / 1000);
          const { algorithm = "sha256", encoding = "hex", prefix = "" } = form;
          const { signs = form.timestamp === undefined ? "{body}" : "{timestamp}.{body}" } = form;
          const [before = "", after = ""] = signs
            .replace("{timestamp}", time)
            .replace("{id}", "d-1")
            .split("{body}");
          const made = await hmac(algorithm, utf8("s3cret"), [before, body, after]);
          const text = encoding === "hex" ? toHex(made) : toBase64(made);
          const headers: Record<string, string> = { "x-sig": prefix + text };
          if (form.timestamp !== undefined) headers["x-time"] = time;
          if (form.id !== undefined) headers["x-id"] = "d-1";
          const given: Given = {
            hook: { verify: form, secret: "S" },
            secrets: { S: "s3cret" },
            headers,
            body,
            at,
          };
          const found = await check(given);
          assert.ok(found);
          if (form.id !== undefined) assert.equal(found.id, "d-1");
          // The same again has the same id, in capitals too; so it is a repetition.
          if (encoding === "hex" && prefix === "") {
            const loud = { ...headers, "x-sig": text.toUpperCase() };
            assert.equal((await check({ ...given, headers: loud }))?.id, found.id);
          }
          assert.equal(await check({ ...given, body: flipped(body, bit) }), undefined);
          const wrong = fromLatin(flipped(latin(prefix + text), bit));
          if (/^[\x21-\x7e]+$/.test(wrong)) {
            const changed = { ...headers, "x-sig": wrong };
            assert.equal(await check({ ...given, headers: changed }), undefined);
          }
          if (form.timestamp === undefined) return;
          const later = { ...headers, "x-time": String(Number(time) + 1) };
          assert.equal(await check({ ...given, headers: later }), undefined);
          assert.equal(await check({ ...given, at: at + 300_001 }), undefined);
          assert.equal(await check({ ...given, at: at - 300_001 }), undefined);
        },
      ),
      { numRuns: 50 },
    );
  }
});

void test("secretProblems() says which secrets are missing or none, and shows none", async () => {
  const { hooks } = defineRuntime({
    agents: [agent],
    hooks: {
      github: { verify: "github", secret: ["A", "B"] },
      billing: { verify: "standard", secret: "C" },
    },
  });
  assert.deepEqual(await secretProblems(hooks, () => "c2VjcmV0"), []);
  const wrong = await secretProblems(hooks, (name) => (name === "C" ? "no base64!" : undefined));
  assert.equal(wrong.length, 2);
  assert.match(wrong[0]!, /"github": there is no secret "A" or "B"/);
  assert.match(wrong[1]!, /"C" for webhooks of "billing"/);
  assert.ok(!wrong.join().includes("no base64!"));
  // Of those that are stored, and locked, nothing can be said yet.
  const locked = () => Promise.reject(new OpenAgentsError("LOCKED", "Cannot use a key"));
  assert.deepEqual(await secretProblems(hooks, locked), []);
});

void test("a request is hashed once for each secret, however many signatures it brings", async () => {
  const hashed: unknown[] = [];
  const { subtle } = crypto;
  const sign = subtle.sign.bind(subtle) as (...given: unknown[]) => Promise<ArrayBuffer>;
  const value = (...given: unknown[]): Promise<ArrayBuffer> => {
    hashed.push(given[2]);
    return sign(...given);
  };
  Object.defineProperty(subtle, "sign", { value, configurable: true });
  const many = (one: (i: number) => string, between: string): string =>
    Array.from({ length: 16 }, (_, i) => one(i)).join(between);
  const standardHeaders = {
    "webhook-id": "1",
    "webhook-timestamp": "0",
    "webhook-signature": many((i) => `v1,${i}`, " "),
  };
  const stripeHeaders = { "stripe-signature": `t=0,${many((i) => `v1=${i}`, ",")}` };
  const secrets = { A: "whsec_YWFh", B: "whsec_YmJi" };
  for (const [verify, headers] of [
    ["standard", standardHeaders],
    ["stripe", stripeHeaders],
  ] as const) {
    hashed.length = 0;
    const hook = { verify, secret: ["A", "B"] } as const;
    assert.equal(await check({ hook, secrets, headers, body: "x" }), undefined);
    assert.equal(hashed.length, 2, verify);
    // What is signed with the body is put before it once.
    const [one, two] = hashed;
    assert.equal(one, two, verify);
  }
  hashed.length = 0;
  const body = utf8("x");
  const github = { verify: "github", secret: "A" } as const;
  await check({ hook: github, secrets, headers: { "x-hub-signature-256": "sha256=0" }, body });
  assert.equal(hashed[0], body);
  Reflect.deleteProperty(subtle, "sign");
});
