import { after, before, test } from "node:test";
import { agentdBackend } from "../../scripts/agentd-backend.ts";
import { backendConformance } from "../../src/testing/index.ts";

let backend: Awaited<ReturnType<typeof agentdBackend>>;
before(async () => {
  backend = await agentdBackend();
});
after(() => backend[Symbol.asyncDispose]());

for (const { name, run } of backendConformance(async () => backend.fixture)) {
  void test(`agentd: ${name}`, run);
}
