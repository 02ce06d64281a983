import { defineAgent, defineRuntime } from "../../src/index.ts";

/** Keeps what it gets in order, and passes it on to the sink. */
const keeper = defineAgent({
  name: "keeper",
  state: { got: [] as string[] },
  inbox: { depth: 100_000 },
  async onMessage(ctx, message) {
    ctx.state.got.push(message.text);
    await ctx.send("sink", message.text);
  },
});

/** Asks a keeper's neighbour before it keeps, so that ticks are parked when the process dies. */
const asker = defineAgent({
  name: "asker",
  state: { got: [] as string[] },
  inbox: { depth: 100_000 },
  async onMessage(ctx, message) {
    const echoed = await ctx.request("echo", message.text, { timeout: "10m" });
    ctx.state.got.push(JSON.stringify(echoed).slice(1, -1));
  },
});

const echo = defineAgent({
  name: "echo",
  inbox: { depth: 100_000 },
  onMessage: (ctx, message) => ctx.reply(message.text),
});

const sink = defineAgent({
  name: "sink",
  state: { got: [] as string[] },
  inbox: { depth: 100_000 },
  onMessage: (ctx, message) => void ctx.state.got.push(message.text),
});

export default defineRuntime({
  limits: { parked: 100_000 },
  agents: [keeper, asker, echo, sink],
  ensure: [
    { name: "keeper-0", type: "keeper" },
    { name: "keeper-1", type: "keeper" },
    { name: "keeper-2", type: "keeper" },
    { name: "asker", type: "asker" },
    { name: "echo", type: "echo" },
    { name: "sink", type: "sink" },
  ],
});
