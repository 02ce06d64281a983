import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { compileRules } from "../../src/drivers/plumber.ts";
import { PACKAGE, project } from "./project.ts";

interface Block {
  readonly language: string;
  readonly code: string;
  /** The file that the text before it says it goes into. */
  readonly file: string | undefined;
}

const GUIDE = readFileSync(join(PACKAGE, "docs/plumber.md"), "utf8");

const BLOCKS: readonly Block[] = [...GUIDE.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map((match) => {
  const [, language = "", code = ""] = match;
  const before = GUIDE.slice(0, match.index).trimEnd().split("\n\n").at(-1)!;
  const file = /into `([\w.]+)`|in `([\w.]+)`$/.exec(before);
  return { language, code, file: file?.[1] ?? file?.[2] };
});

void test("the rules in docs/plumber.md are right", () => {
  const rules = BLOCKS.filter(({ language }) => language === "yaml");
  assert.ok(rules.length > 3);
  for (const { code } of rules) compileRules(code, { file: "docs/plumber.md" });
});

void test("what docs/plumber.md has run says what it is said to say", async () => {
  await using p = project(null);
  for (const { file, code } of BLOCKS) if (file !== undefined) p.write(file, code);
  let ran = 0;
  for (const [i, { language, code }] of BLOCKS.entries()) {
    const [, args] = /^npx agentctl (.*)\n$/.exec(code) ?? [];
    if (language !== "sh" || args === undefined) continue;
    const { stdout, stderr } = await p.agentctl(...args.split(" "));
    assert.equal(stdout + stderr, BLOCKS[i + 1]!.code);
    ran += 1;
  }
  assert.equal(ran, 2);
});

void test("the changes that docs/plumber.md shows make what it says of them", () => {
  const order = BLOCKS.find(({ code }) => code.includes("name: order\n"))!;
  const payload = {
    order: {
      id: 7,
      items: [
        { sku: "a", n: 1 },
        { sku: "b", n: 2 },
      ],
      customer: { name: "Ada" },
    },
  };
  const draft = {
    id: "o",
    sentAt: 1,
    source: "http",
    from: "shop",
    type: "event",
    payload,
  } as const;
  assert.deepEqual(compileRules(order.code).route(draft).routed[0]!.envelope.payload, {
    order: { id: 7, items: [{ sku: "a" }, { sku: "b" }] },
    currency: "EUR",
    defaults: { retries: 3 },
    customer: "Ada",
    skus: ["a", "b"],
    text: "Order 7 of Ada",
  });
});
