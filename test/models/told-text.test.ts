import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { KnownSecrets } from "../../src/models/known-secrets.ts";
import { Secrets } from "../../src/models/secrets.ts";
import { ToldText } from "../../src/models/told-text.ts";

function knowing(...values: readonly string[]): KnownSecrets {
  const known = new KnownSecrets();
  for (const [i, value] of values.entries()) known.learn(value, `KEY${i}`);
  return known;
}

/** What is told of the pieces of a text, each as it is told. */
function told(known: KnownSecrets, pieces: readonly string[]): string[] {
  const text = new ToldText(() => known.forms);
  return [...pieces.map((piece) => text.add(piece)), text.end()];
}

void test("a secret is taken out wherever it is cut, and what is none is told at once", () => {
  const secret = "hunter2-and-more";
  const known = knowing(secret);
  const text = `It is ${secret}, really`;
  for (let at = 0; at <= text.length; at += 1) {
    const pieces = told(known, [text.slice(0, at), text.slice(at)]);
    assert.equal(pieces.join(""), "It is [secret KEY0], really");
  }
  assert.equal(told(known, text.split("")).join(""), "It is [secret KEY0], really");
  assert.deepEqual(told(known, ["A word", " and more"]), ["A word", " and more", ""]);
  assert.deepEqual(told(known, ["hunt", "ing"]), ["", "hunting", ""]);
  assert.deepEqual(told(known, ["hunter2"]), ["", "hunter2"]);
});

void test("other forms of a secret, and white space within it, are no way around", () => {
  const secret = "hunter2 and+more/now";
  const known = knowing(secret, "hunter2 and");
  const texts = [
    Buffer.from(secret).toString("base64"),
    Buffer.from(secret).toString("hex"),
    encodeURIComponent(secret),
    secret.replace("and", "a\n n d"),
  ];
  for (const text of texts) {
    assert.match(told(known, `a ${text} b`.split("")).join(""), /^a \[secret KEY0\]=* b$/);
  }
  assert.equal(told(known, "hunter2 and so".split("")).join(""), "[secret KEY1] so");
});

void test("it is the same as of the whole text, and bounded in what is kept back", () => {
  const known = knowing("abab-abab-abab", "abab", "xyzxyzxyz");
  const secrets = new Secrets(undefined, known);
  const piece = fc.oneof(
    fc.constantFrom("abab-abab-abab", "abab-", "xyz", "ab", "a", " ", "\n", "q", "-"),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const text = told(known, pieces).join("");
      assert.equal(secrets.clean(text), text);
      assert.ok(!text.includes("abab") && !text.replaceAll(/\s/g, "").includes("xyzxyzxyz"));
    }),
    { numRuns: 2_000 },
  );
  const out = new ToldText(() => known.forms);
  let length = 0;
  for (let i = 0; i < 5_000; i += 1) length += out.add(i === 0 ? "xyz" : " ").length;
  assert.ok(length > 4_000, `${length} of 5000 characters were told`);
});

void test("what is learned while a text comes counts from then on", () => {
  const known = knowing();
  const text = new ToldText(() => known.forms);
  assert.equal(text.add("quokka-1"), "quokka-1");
  known.learn("quokka-1", "NEW");
  assert.equal(text.add("quokka-1") + text.add("quok"), "[secret NEW]");
  text.forget();
  assert.equal(text.add("ka-1"), "ka-1");
});
