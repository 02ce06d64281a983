import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { PACKAGE_VERSION } from "../../src/core/version.ts";
import { bytesOf, homes } from "./homes.ts";

void test("PACKAGE_VERSION is the version of package.json", () => {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(text) as { version: string };
  assert.equal(PACKAGE_VERSION, version);
});

void test("createRuntime() names it in bundles when it is told no other version", async () => {
  const [home] = (await homes(1)).homes;
  await home!.runtime.create({ name: "ada", type: "traveller" });
  const { publicKey: to } = await home!.runtime.identity();
  const bundle = new TextDecoder().decode(await bytesOf(await home!.runtime.export("ada", { to })));
  assert.equal(/"runtime": ?"([^"]*)"/.exec(bundle)?.[1], PACKAGE_VERSION);
});
