import { defineAgent, defineRuntime } from "../../src/index.ts";

/** Takes its process with it before anything of its tick, or even its mail, is durable. */
const bomb = defineAgent({
  name: "bomb",
  retry: { backoff: 10 },
  onMessage: () => process.exit(0),
});

/** Passes mail on to the bomb. */
const relay = defineAgent({
  name: "relay",
  state: { passed: 0 },
  async onMessage(ctx, message) {
    ctx.state.passed += 1;
    await ctx.send("bomb", message.text);
  },
});

export default defineRuntime({
  agents: [bomb, relay],
  ensure: [
    { name: "bomb", type: "bomb" },
    { name: "relay", type: "relay" },
  ],
});
