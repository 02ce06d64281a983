import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { byteLength, bytesAbove } from "../../src/core/byte-length.ts";
import { defineAgent } from "../../src/index.ts";
import type { Context } from "../../src/index.ts";
import { setting } from "./setting.ts";

void test("byteLength() is the length of the text as UTF-8, also of one that is not well formed", () => {
  const fragment = fc.constantFrom("a", "é", "漢", "🦊", "\ud83e", "\udd8a", "x".repeat(300));
  const text = fc.array(fragment, { maxLength: 12 }).map((all) => all.join(""));
  fc.assert(
    fc.property(text, (given) => {
      assert.equal(byteLength(given), Buffer.byteLength(given));
    }),
  );
});

void test("bytesAbove() gives the bytes of what does not fit, and nothing for what does", () => {
  const cases = [
    ["漢漢", 6, undefined],
    ["漢漢", 5, 6],
    ["abcdef", 6, undefined],
    ["abcdefg", 6, 7],
    ["", 0, undefined],
  ] as const;
  for (const [text, limit, bytes] of cases) assert.equal(bytesAbove(text, limit), bytes, text);
});

void test("limits in bytes count bytes, and their errors say how many", async () => {
  const wide = "漢".repeat(60);
  const uses: Record<string, (ctx: Context) => unknown> = {
    state: (ctx) => void (ctx.state["x"] = wide),
    step: (ctx) => ctx.step("x", () => wide),
    send: (ctx) => ctx.send("a", wide),
    reply: (ctx) => ctx.reply("漢".repeat(30)).then(() => ctx.reply("漢".repeat(30))),
  };
  const agent = defineAgent({
    name: "a",
    onMessage: (ctx, message) => uses[message.text]?.(ctx),
  });
  const limits = { envelopeBytes: 100, valueBytes: 100, outputBytes: 150 };
  const { runtime, tell } = await setting([agent], { limits });
  for (const [use, said] of Object.entries({
    state: /^Cannot store state "x": 182 bytes is above limits.valueBytes \(100\)$/,
    step: /^Cannot journal step "x": 192 bytes is above limits.valueBytes \(100\)$/,
    send: /^Cannot send mail: 182 bytes is above limits.envelopeBytes \(100\)$/,
    reply: /^Cannot reply: the output of the tick would be above limits.outputBytes \(150\)$/,
  })) {
    const { error } = await tell("a", use);
    assert.deepEqual(
      [error?.code, said.test(error?.message ?? "")],
      ["LIMIT", true],
      error?.message,
    );
  }
  await assert.rejects(runtime.send("a", { payload: wide }), {
    code: "LIMIT",
    message: "Cannot send: the payload has 182 bytes, limits.envelopeBytes is 100",
  });
});
