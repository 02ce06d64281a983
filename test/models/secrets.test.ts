import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Json } from "../../src/core/json.ts";
import { Secrets } from "../../src/models/secrets.ts";

const SECRET = 'sk/"ünicode+<key>&\n1234567890';

async function knowing(...values: readonly string[]): Promise<Secrets> {
  const names = values.map((_, i) => `KEY${i}`);
  const secrets = new Secrets((name) => values[names.indexOf(name)]);
  for (const name of names) await secrets.get(name, names);
  return secrets;
}

/** The forms in which a program may show a secret. */
const SHOWN: Readonly<Record<string, (text: string) => string>> = {
  itself: (text) => text,
  trimmed: (text) => text.trim(),
  JSON: (text) => JSON.stringify({ text }),
  "JSON in JSON": (text) => JSON.stringify(JSON.stringify({ text })),
  "JSON of ASCII": (text) =>
    JSON.stringify(text).replaceAll(
      /[^\0-\x7f]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
    ),
  "JSON with escaped slashes": (text) => JSON.stringify(text).replaceAll("/", "\\/"),
  "an address": (text) => `http://x.test/?q=${encodeURIComponent(text)}`,
  "an address, in small letters": (text) =>
    encodeURIComponent(text).replaceAll(/%../g, (code) => code.toLowerCase()),
  "a form": (text) => new URLSearchParams({ q: text }).toString(),
  HTML: (text) =>
    text
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;"),
  hexadecimal: (text) => Buffer.from(text).toString("hex"),
  "lines of Base64": (text) =>
    Buffer.from(`user:${text}`).toString("base64").replaceAll(/.{12}/g, "$&\r\n"),
  "a hexadecimal dump": (text) => Buffer.from(text).toString("hex").replaceAll(/../g, "$& "),
};

/** Bits of what Base64 has of a secret at its edges are not looked at, and tell nothing. */
const hasPiece = (text: string, secret: string, show: (text: string) => string): boolean =>
  text.replaceAll(/\s/g, "").includes(show(secret).replaceAll(/\s/g, ""));

void test("Secrets takes a secret out of a text in each form in which programs show it", async () => {
  const secrets = await knowing(SECRET);
  for (const [form, show] of Object.entries(SHOWN)) {
    const cleaned = secrets.clean(`before ${show(SECRET)} after`);
    assert.match(cleaned, /^before .*\[secret KEY0\].* after$/su, form);
    assert.ok(!hasPiece(cleaned, SECRET, show), form);
    const json = secrets.cleanJson({ a: [`before ${show(SECRET)} after`] });
    assert.match(JSON.stringify(json), /\[secret KEY0\]/, form);
  }
});

void test("Secrets takes Base64 of a secret out, whatever stands around it", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ minLength: 4, unit: "binary" }),
      fc.uint8Array({ maxLength: 5 }),
      fc.uint8Array({ maxLength: 5 }),
      async (value, before, after) => {
        const secrets = await knowing(value);
        const bytes = Buffer.concat([before, Buffer.from(value.toWellFormed()), after]);
        for (const encoding of ["base64", "base64url"] as const) {
          const text = bytes.toString(encoding);
          const cleaned = secrets.clean(text);
          // Of what is left some characters hold bits of the secret: at most those at its edges.
          const left = cleaned.replaceAll(/\[secret \w+\]/g, "").length;
          const around = Math.ceil((before.length * 8) / 6) + Math.ceil((after.length * 8) / 6) + 5;
          assert.ok(left <= around, `${text} became ${cleaned}`);
        }
      },
    ),
    { numRuns: 200 },
  );
});

void test("Secrets takes a secret out that is in pieces of one value, and out of names and numbers", async () => {
  const secrets = await knowing("sk-12345678", "87654321");
  const cases: readonly (readonly [Json, Json])[] = [
    [
      ["sk-12", "345678", "rest"],
      ["[secret KEY0]", "", "rest"],
    ],
    [
      [{ delta: "a sk-" }, { delta: "1234" }, { delta: "5678 b" }],
      [{ delta: "a [secret KEY0]" }, { delta: "" }, { delta: " b" }],
    ],
    [{ "sk-12345678": 1 }, { "[secret KEY0]": 1 }],
    [
      { pin: 87654321, other: 8765432 },
      { pin: "[secret KEY1]", other: 8765432 },
    ],
    [
      ["nothing", "of", "it", 5, null, true],
      ["nothing", "of", "it", 5, null, true],
    ],
  ];
  for (const [value, cleaned] of cases) assert.deepEqual(secrets.cleanJson(value), cleaned);
});

void test("Secrets leaves nothing of a secret at the end of a beginning", async () => {
  const secret = "0123456789abcdef";
  const secrets = await knowing(secret);
  const text = `${"x".repeat(100)}${secret}${"y".repeat(100)}`;
  for (let length = 90; length < 130; length += 1) {
    const head = secrets.cleanHead(text, length);
    assert.ok(!/[0-9a-f]/.test(head.replaceAll("[secret KEY0]", "")), head);
  }
  assert.equal(secrets.cleanHead("short", 100), "short");
});

void test("Secrets gives JSON of the same shape, with no secret in it, whatever it is", async () => {
  const secrets = await knowing("hunter2-hunter2", 'k\\"\u0001y-k\\"\u0001y');
  const shape = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(shape)
      : typeof value === "object" && value !== null
        ? Object.values(value).map(shape)
        : 0;
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("hunter2-hunter2", "hunter2-", "hunter2", 'k\\"\u0001y-k\\"\u0001y', "\\", '"'),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      text,
      fc.double(),
      fc.constant(null),
      fc.array(tie("tree"), { maxLength: 4 }),
      fc.dictionary(text, tie("tree"), { maxKeys: 3 }),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      const given = JSON.parse(JSON.stringify(value)) as Json;
      const cleaned = secrets.cleanJson(given);
      assert.ok(!JSON.stringify(cleaned).includes("hunter2-hunter2"));
      if (!JSON.stringify(given).includes("secret")) {
        // Names that become the same are one.
        const names = JSON.stringify(given).includes('hunter2-hunter2":');
        if (!names) assert.deepEqual(shape(cleaned), shape(given));
      }
    }),
  );
});

void test("Secrets looks for those that were handed out last, and not for all there ever were", async () => {
  let n = 0;
  const secrets = new Secrets(() => `token-number-${(n += 1)}-of-many`);
  for (let i = 0; i < 300; i += 1) await secrets.get("TOKEN", ["TOKEN"]);
  assert.equal(secrets.clean("token-number-300-of-many"), "[secret TOKEN]");
  assert.equal(secrets.clean("token-number-1-of-many"), "token-number-1-of-many");
});
