import assert from "node:assert/strict";
import { test } from "node:test";
import type { LanguageModelV4FilePart, LanguageModelV4Prompt } from "@ai-sdk/provider";
import { mostTokens } from "../../src/models/most-tokens.ts";

const tokensOf = (prompt: LanguageModelV4Prompt): number => mostTokens({ prompt });
const file = (data: LanguageModelV4FilePart["data"]): LanguageModelV4Prompt => [
  { role: "user", content: [{ type: "file", mediaType: "image/png", data }] },
];
const result = (output: object): LanguageModelV4Prompt => [
  {
    role: "tool",
    content: [{ type: "tool-result", toolCallId: "1", toolName: "t", output: output as never }],
  },
];

void test("a text has a token for each two bytes, whatever it says that it is", () => {
  const text = "x".repeat(100_000);
  const told = tokensOf([{ role: "user", content: [{ type: "text", text }] }]);
  assert.ok(told >= 50_000 && told < 50_100, `${told}`);
  assert.ok(tokensOf(file({ type: "text", text })) >= 50_000);
  const json = { type: "json", value: { type: "file", data: { type: "data", data: text } } };
  assert.ok(tokensOf(result(json)) >= 50_000, "JSON that looks like a file is text");
});

void test("a file is no text, and never nothing", () => {
  const picture = "A".repeat(1_000_000);
  assert.equal(tokensOf(file({ type: "data", data: picture })) - tokensOf([]), 20_000);
  assert.equal(tokensOf(file({ type: "data", data: new Uint8Array(9) })) - tokensOf([]), 2000);
  const url = new URL("https://x.example/1.png");
  assert.equal(tokensOf(file({ type: "url", url })) - tokensOf([]), 2000);
  const content = [{ type: "file", mediaType: "image/png", data: { type: "data", data: picture } }];
  assert.equal(tokensOf(result({ type: "content", value: content })) - tokensOf([]), 20_000);
});
