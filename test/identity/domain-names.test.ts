import assert from "node:assert/strict";
import { test } from "node:test";
import { remembered } from "../../src/identity/domain-names.ts";

void test("remembered() asks once a minute, and again after a failure", async () => {
  let time = 0;
  const asked: string[] = [];
  const names = remembered(
    async (identifier) => {
      asked.push(identifier);
      if (identifier.startsWith("down")) throw new Error("It does not answer");
      return identifier.startsWith("ada") ? "npub-of-ada" : undefined;
    },
    () => time,
  );
  for (const name of ["ada@example.org", "Ada@example.org", "ada@example.org"]) {
    assert.equal(await names(name), "npub-of-ada");
  }
  assert.equal(await names("nobody@example.org"), undefined);
  assert.equal(await names("nobody@example.org"), undefined);
  await assert.rejects(names("down@example.org"));
  await assert.rejects(names("down@example.org"));
  assert.deepEqual(asked, [
    "ada@example.org",
    "nobody@example.org",
    "down@example.org",
    "down@example.org",
  ]);
  time = 60_000;
  await names("ada@example.org");
  assert.equal(asked.length, 5);
});

void test("remembered() keeps so many names, and lets the oldest go", async () => {
  let asked = 0;
  const names = remembered(async (identifier) => {
    asked += 1;
    return identifier;
  });
  for (let i = 0; i <= 1000; i += 1) await names(`${i}@example.org`);
  await names("1000@example.org");
  assert.equal(asked, 1001);
  await names("0@example.org");
  assert.equal(asked, 1002);
});
