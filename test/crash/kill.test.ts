import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { start } from "../../scripts/agentd.ts";
import { killUnderLoad } from "./load.ts";

/** How often agentd is killed; more with KILLS. */
const KILLS = Number(process.env["KILLS"] ?? 20);
const CONFIG = new URL("kill.config.ts", import.meta.url);

void test(`every acknowledged message is accounted for once after ${KILLS} SIGKILLs`, async (t) => {
  const data = mkdtempSync(join(tmpdir(), "openagents-kill-"));
  t.after(() => rmSync(data, { recursive: true, force: true }));
  let daemon = await start(CONFIG, data);
  t.after(() => daemon.kill());
  const home = {
    fetch: (path: string, init?: RequestInit) =>
      fetch(daemon.url + path, { ...init, headers: daemon.headers }),
    async crash() {
      await daemon.kill();
      daemon = await start(CONFIG, data);
    },
  };
  await killUnderLoad(t, home, KILLS);
});
