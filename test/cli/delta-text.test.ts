import assert from "node:assert/strict";
import { test } from "node:test";
import { DeltaText } from "../../src/cli/delta-text.ts";

void test("DeltaText prints a text as it comes, and begins a line with another one", () => {
  let printed = "";
  const text = new DeltaText((piece) => (printed += piece));
  const add = (key: string, offset: number, piece: string): void =>
    text.add({ key, kind: "text", offset, text: piece }, `${key}: `);
  add("a", 0, "one ");
  add("a", 4, "two");
  assert.equal(text.text, "one two");
  add("b", 0, "three\n");
  add("a", 7, " more");
  assert.equal(printed, "a: one two\nb: three\na:  more");
  text.endLine();
  text.endLine();
  add("a", 12, "!");
  // It begins anew, and no text can pass for a line of its own by what steers a terminal.
  add("a", 0, "on\u001be");
  text.forget();
  assert.equal(printed, "a: one two\nb: three\na:  more\na: !\na: on\ufffde\n");
  assert.equal(text.text, "");
});
