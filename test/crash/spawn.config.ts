import { defineAgent, defineRuntime } from "../../src/index.ts";

/** Makes an agent for each message; one in two of them waits first for a while, with its tick parked. */
const lead = defineAgent({
  name: "lead",
  state: { made: [] as string[] },
  inbox: { depth: 100_000 },
  async onMessage(ctx, message) {
    const id = await ctx.spawn(`kid-${message.text}`, { type: "kid", payload: message.text });
    if (Number(message.text) % 2 === 1) await ctx.sleep("50ms");
    ctx.state.made.push(id);
  },
});

const kid = defineAgent({
  name: "kid",
  state: { heard: [] as string[], parent: "" },
  onCreate: (ctx) => void (ctx.state.parent = ctx.agent.parent ?? ""),
  onMessage: (ctx, message) => void ctx.state.heard.push(message.text),
});

export default defineRuntime({
  limits: { children: 100_000 },
  agents: [lead, kid],
  ensure: [{ name: "lead", type: "lead" }],
});
