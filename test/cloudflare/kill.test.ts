import { test } from "node:test";
import { startWorkerd } from "../../scripts/workerd.ts";
import { killUnderLoad } from "../crash/load.ts";

/** How often workerd is killed; more with KILLS. */
const KILLS = Number(process.env["KILLS"] ?? 15);

void test(`in workerd every acknowledged message is accounted for once after ${KILLS} SIGKILLs`, async (t) => {
  await using worker = await startWorkerd({ entry: "test/cloudflare/kill.worker.ts" });
  const home = {
    fetch: (path: string, init?: RequestInit) => worker.fetch(path, init),
    async crash() {
      await worker.kill();
      await worker.start();
    },
  };
  await killUnderLoad(t, home, KILLS);
});
