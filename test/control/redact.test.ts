import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { declaredSecrets, redactor, secretValues } from "../../src/control/redact.ts";
import { problemLog } from "../../src/backends/cloudflare/problem-log.ts";
import { defineAgent } from "../../src/core/definition.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";

const alphabet = (letters: string, minLength: number, maxLength = minLength) =>
  fc
    .array(fc.constantFrom(...letters.split("")), { minLength, maxLength })
    .map((list) => list.join(""));

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/** Secrets that are known by their shape: the text to plant, and what of it must not come out. */
const shaped = fc.oneof(
  fc
    .tuple(alphabet(LETTERS, 8, 16), alphabet(`${LETTERS}_-`, 20, 43))
    .map(([id, secret]) => [`oat_${id}_${secret}`, secret] as const),
  alphabet(`${LETTERS}-._~+/`, 16, 60).map((token) => [`Bearer ${token}`, token] as const),
  alphabet(BECH32, 58).map((data) => [`nsec1${data}`, data] as const),
  alphabet(BECH32, 120, 150).map((data) => [`ncryptsec1${data}`, data] as const),
  fc.constantFrom(" ", "  ", "\n", ", ").chain((gap) =>
    fc.constant(null).map(() => {
      const words = newMnemonic().split(" ").join(gap);
      return [words, words] as const;
    }),
  ),
  alphabet(LETTERS, 8, 30).map((word) => [`passphrase=${word}`, word] as const),
  alphabet(LETTERS, 8, 30).map((word) => [`{"password":"${word}"}`, word] as const),
  alphabet(LETTERS, 8, 30).map(
    (word) => [JSON.stringify({ body: JSON.stringify({ api_key: word }) }), word] as const,
  ),
  alphabet(LETTERS, 8, 30).map((word) => [`?access_token=${word}&a=1`, word] as const),
);

/** Texts to stand around a secret, set apart from it as a word is. */
const around = fc.oneof(
  fc.constant(""),
  fc.string({ unit: "binary", maxLength: 40 }).map((text) => `${text} `),
  fc.constantFrom("at https://x/y?", "(", '{"a":"', "abandon ability able "),
);

void test("a planted secret of a known shape never comes out, wherever it stands in a text", () => {
  const { text } = redactor();
  fc.assert(
    fc.property(around, shaped, around, (before, [planted, secret], after) => {
      const clean = text(`${before}${planted} ${after}`);
      assert.ok(!clean.includes(secret), clean);
    }),
    { numRuns: 1000 },
  );
});

void test("a secret that is given never comes out, also as JSON and URLs write it", () => {
  fc.assert(
    fc.property(
      fc
        .string({ unit: "grapheme", minLength: 8, maxLength: 40 })
        .filter((s) => s.trim().length > 7),
      fc.string({ maxLength: 40 }),
      fc.string({ maxLength: 40 }),
      (secret, before, after) => {
        fc.pre(!"***".includes(secret) && !`${before}***${after}`.includes(secret));
        const { text } = redactor([secret]);
        assert.ok(!text(before + secret + after).includes(secret));
        assert.ok(!text(encodeURIComponent(secret)).includes(encodeURIComponent(secret)));
        const json = JSON.stringify({ a: secret });
        assert.ok(!text(json).includes(JSON.stringify(secret).slice(1, -1)));
      },
    ),
    { numRuns: 1000 },
  );
});

void test("a planted secret never comes out of a value, however deep, as member, key, error or cause", () => {
  const { value } = redactor();
  const plain = fc.string({ unit: "binary", maxLength: 12 });
  const deep = (leaf: unknown, path: readonly number[]): unknown =>
    path.reduce<unknown>((inner, kind) => {
      switch (kind) {
        case 0:
          return { member: inner };
        case 1:
          return ["x", inner];
        case 2:
          return new Map([["key", inner]]);
        case 3:
          return new Set([inner]);
        default:
          return Object.assign(new Error("failed", { cause: inner }), { code: "X" });
      }
    }, leaf);
  fc.assert(
    fc.property(
      shaped,
      plain,
      fc.array(fc.nat(4), { maxLength: 20 }),
      fc.nat(2),
      ([planted, secret], before, path, how) => {
        const text = `${before} ${planted}`;
        const leaf = [text, { [text]: 1 }, new Error(text)][how];
        const clean = value(deep(leaf, path));
        assert.ok(!everything(clean).includes(secret), everything(clean));
      },
    ),
    { numRuns: 1000 },
  );
});

/** All texts of a value, one after the other, as they are. */
function everything(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return "";
  return Object.entries(value)
    .map(([key, member]) => `${key}\n${everything(member)}`)
    .join("\n");
}

void test("members whose name says that they are secret are taken out whatever they hold", () => {
  const { value } = redactor();
  const given = {
    password: "a",
    passphrase: ["b"],
    api_key: { c: 1 },
    headers: { authorization: "d", cookie: "e", "content-type": "text/plain" },
    refresh_token: "f",
    tokens: 3,
    name: "ada",
  };
  assert.deepEqual(value(given), {
    password: "***",
    passphrase: "***",
    api_key: "***",
    headers: { authorization: "***", cookie: "***", "content-type": "text/plain" },
    refresh_token: "***",
    tokens: 3,
    name: "ada",
  });
});

void test("what is no secret stays as it is", () => {
  const { text, value } = redactor(["", "abc", "wrong", undefined]);
  for (const plain of [
    "Cannot reach the agent: it ended in the middle (abc)",
    "The passphrase is wrong",
    'Cannot use token file "/home/ada/token": EISDIR: it is a directory',
    "npub1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5",
    "the token travels in clear text, whoever has the token rules the agents",
    "able about above: eleven words of the list are no key, and none of theirs",
    "Error: no\n    at file:///a/b.ts:3:4",
  ]) {
    assert.equal(text(plain), plain);
  }
  assert.deepEqual(value({ a: [1, true, null, "x"] }), { a: [1, true, null, "x"] });
});

void test("value() gives something for whatever it is given", () => {
  const { value } = redactor();
  const circle: Record<string, unknown> = {};
  circle["self"] = circle;
  assert.deepEqual(value(circle), { self: "circular" });
  const trap = Object.defineProperty({}, "bad", {
    enumerable: true,
    get() {
      throw new Error("trap");
    },
  });
  assert.equal(value(trap), "unreadable");
  assert.equal(value(12n), "12");
  assert.equal(value(new Uint8Array(3)), "3 bytes");
  fc.assert(
    fc.property(fc.anything({ withMap: true, withSet: true, withBigInt: true }), (thing) => {
      JSON.stringify(value(thing));
    }),
  );
});

void test("secretValues() takes the values of variables whose names say so, and of those that are named", () => {
  const env = {
    OPENAGENTS_PASSPHRASE: "four",
    GITHUB_TOKEN: "ghp_abcdefgh",
    STRIPE_SECRET_KEY: "sk_live_12345",
    HOME: "/home/ada-lovelace",
    MINE: "hush",
    EMPTY_SECRET: "",
    OPENAGENTS_REDACT: "MINE, OTHER",
  };
  assert.deepEqual(secretValues(env).toSorted(), ["four", "ghp_abcdefgh", "hush", "sk_live_12345"]);
});

void test("secretValues() takes those of the variables that hooks, servers and tools name, whatever they are called", () => {
  const parameters = { type: "object" };
  const tools = {
    one: { parameters, secrets: ["OF_TOOL"], execute: () => 1 },
    two: { parameters, execute: () => 2 },
  };
  const definition = defineRuntime({
    agents: [defineAgent({ name: "shop", tools }), defineAgent({ name: "none" })],
    mcp: { files: { command: "x", env: { X: { secret: "OF_SERVER" } } } },
    hooks: {
      shop: { verify: { header: "x" }, secret: ["SHOP_SECRET_OLD", "SHOP"] },
      github: { verify: "github", secret: "GITHUB_WEBHOOK" },
    },
  });
  const env = {
    SHOP_SECRET_OLD: "older",
    GITHUB_WEBHOOK: "hush",
    OF_TOOL: "a tool's",
    OF_SERVER: "a server's",
    PATH: "/bin",
    N: 1,
  };
  assert.deepEqual(secretValues(env, declaredSecrets(definition)).toSorted(), [
    "a server's",
    "a tool's",
    "hush",
    "older",
  ]);
});

void test("who somebody is in an address, and members in camel case, are taken out", () => {
  const { text, value } = redactor();
  assert.equal(
    text("at https://ada:l0velace@db.example:1/x?y=@z"),
    "at https://***@db.example:1/x?y=@z",
  );
  assert.equal(text("at https://ghp_abc@github.com, me@b.c"), "at https://***@github.com, me@b.c");
  assert.equal(text("https://a.b/c@d"), "https://a.b/c@d");
  assert.deepEqual(value({ accessToken: "a", secretKey: ["b"], clientSecret: 1, tokenCount: 2 }), {
    accessToken: "***",
    secretKey: "***",
    clientSecret: "***",
    tokenCount: 2,
  });
  assert.equal(text('{"secretKey":"abc"}'), '{"secretKey":***}');
  // In time that grows with its length alone.
  text(`${"a".repeat(200_000)} ${"x://".repeat(50_000)}`);
});

void test("problemLog() tells of what went wrong, in a Worker, with no secret in it", (t) => {
  const told = t.mock.method(console, "error", () => undefined);
  const log = problemLog(redactor(["hush-hush"]).text);
  log("Cannot go on with hush-hush", new Error("it was hush-hush", { cause: "no" }));
  log("Cannot go on");
  const texts = told.mock.calls.map(({ arguments: [text] }) => String(text));
  assert.match(texts[0]!, /^Cannot go on with \*\*\*: Error: it was \*\*\*\n/);
  assert.equal(texts[1], "Cannot go on");
});

void test("a redactor learns secrets, short ones too, and knows the last thousand", () => {
  const { text, value, learn } = redactor(["a-first-secret"]);
  assert.equal(text('pin 4711, key p"q'), 'pin 4711, key p"q');
  learn("4711");
  learn('p"q');
  learn("abc");
  learn('a "quoted" one');
  assert.equal(text("pin 4711 of a-first-secret"), "pin *** of ***");
  assert.equal(text(JSON.stringify({ x: 'a "quoted" one' })), '{"x":"***"}');
  assert.deepEqual(value({ x: ["see 4711"] }), { x: ["see ***"] });
  // Of three characters nothing would be left.
  assert.equal(text("abc"), "abc");
  for (let i = 0; i < 999; i += 1) learn(`another-${i}-secret`);
  assert.equal(text("another-998-secret of a-first-secret"), "*** of ***");
  assert.equal(text("4711"), "4711");
});
