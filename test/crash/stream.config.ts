import { setTimeout as sleep } from "node:timers/promises";
import { defineAgent, defineRuntime } from "../../src/index.ts";

/** Takes its time in the middle of each tick, so that it is killed there. */
const slow = defineAgent({
  name: "slow",
  state: { got: 0 },
  inbox: { depth: 100_000 },
  async onMessage(ctx, message) {
    await ctx.step("work", () => sleep(3, 0));
    ctx.state.got += 1;
    ctx.log.info("got", { text: message.text });
    await ctx.reply(ctx.state.got);
  },
});

export default defineRuntime({ agents: [slow], ensure: [{ name: "slow", type: "slow" }] });
