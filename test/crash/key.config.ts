import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { defineAgent, defineRuntime } from "../../src/index.ts";

/** Its tick lasts for as long as the file is there that the environment names. */
const slow = defineAgent({
  name: "slow",
  async onMessage() {
    while (existsSync(process.env["TEST_HOLD"] ?? "")) await sleep(10);
  },
});

export default defineRuntime({ agents: [slow], ensure: [{ name: "slow", type: "slow" }] });
