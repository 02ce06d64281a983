import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { homeFilesConformance } from "../../src/testing/home-files-conformance.ts";
import { storeConformance } from "../../src/testing/store-conformance.ts";
import { ALARMS } from "./object-alarm.ts";
import { OLDER } from "./object-search.ts";
import { startWorkerd } from "../../scripts/workerd.ts";
import type { Workerd } from "../../scripts/workerd.ts";

let worker: Workerd;
before(async () => {
  worker = await startWorkerd({
    entry: "test/cloudflare/store.worker.ts",
    objects: { STORE: "StoreObject" },
  });
});
after(() => worker[Symbol.asyncDispose]());

const elsewhere = () => Promise.reject(new Error("Runs in the Worker"));
const suite = [...storeConformance(elsewhere), ...homeFilesConformance(elsewhere)];
for (const name of [
  ...suite.map((one) => one.name),
  ...Object.keys(ALARMS),
  ...Object.keys(OLDER),
]) {
  void test(`in a Durable Object: ${name}`, async () => {
    const response = await worker.fetch(`/?case=${encodeURIComponent(name)}`);
    assert.equal(await response.text(), "");
  });
}
