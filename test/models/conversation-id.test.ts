import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { conversationId } from "../../src/models/conversation-id.ts";

void test("conversationId() gives texts that look alike ids of their own", () => {
  const long = "w".repeat(500);
  const texts = [
    "x/b",
    "x_b",
    "x%002fb",
    "x%b",
    "x\nb",
    "",
    "_",
    "%",
    ".",
    "..",
    "%002e",
    "a\ud800",
  ];
  texts.push("a\ufffd", "a%d800", long, `${long}w`, conversationId(long));
  assert.equal(new Set(texts.map(conversationId)).size, texts.length);
  assert.equal(conversationId("npub1x"), "npub1x");
  assert.equal(conversationId("x/b"), "x%002fb");
});

void test("conversationId() gives each text an id that a conversation can have, and no two the same", () => {
  const piece = fc.constantFrom("%", "/", "a", ".", "\ud83d\ude00", "\ud83d", "\0", "0025", "~");
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(piece, { maxLength: 6 }).map((all) => all.join("")),
    fc.array(piece, { minLength: 60, maxLength: 300 }).map((all) => all.join("")),
  );
  const texts = new Map<string, string>();
  fc.assert(
    fc.property(text, (text) => {
      const id = conversationId(text);
      assert.ok(id !== "" && id !== "." && id !== ".." && id.length <= 200 && id.isWellFormed());
      assert.doesNotMatch(id, /[/\p{Cc}]/u);
      assert.equal(texts.get(id) ?? text, text);
      texts.set(id, text);
    }),
    { numRuns: 2000 },
  );
});
