import { after, before, test } from "node:test";
import { backendConformance } from "../../src/testing/index.ts";
import { cloudflareBackend } from "../../scripts/cloudflare-backend.ts";
import type { SharedBackend } from "../../scripts/cloudflare-backend.ts";

let backend: SharedBackend;
before(async () => {
  backend = await cloudflareBackend();
});
after(() => backend[Symbol.asyncDispose]());

for (const { name, run } of backendConformance(async () => backend.fixture)) {
  void test(`cloudflare: ${name}`, run);
}
