import { test } from "node:test";
import { memoryStore } from "../../src/stores/memory.ts";
import { storeConformance } from "../../src/testing/store-conformance.ts";

const cases = storeConformance(async () => {
  const store = memoryStore();
  const reopen = async () => {
    store.crash();
    return store;
  };
  return { store, reopen, dispose: () => store.close() };
});
for (const { name, skip, run } of cases) void test(name, { skip }, run);
