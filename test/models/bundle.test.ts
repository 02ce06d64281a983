import assert from "node:assert/strict";
import { test } from "node:test";
import { build } from "esbuild";

const PACKAGES = ["anthropic", "google", "openai", "openai-compatible"].map(
  (one) => `@ai-sdk/${one}`,
);

void test("a Worker is bundled without the packages of providers that are not installed", async () => {
  const { outputFiles, warnings } = await build({
    entryPoints: ["src/models/index.ts"],
    alias: Object.fromEntries(PACKAGES.map((name) => [name, `${name}-not-installed`])),
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    logLevel: "silent",
  });
  assert.deepEqual(warnings, []);
  // What cannot be found is looked for when it is asked for.
  const { text } = outputFiles[0]!;
  for (const name of PACKAGES) assert.ok(text.includes(`import("${name}")`), name);
});
