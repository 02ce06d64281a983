import type { AgentDefinition } from "../src/core/definition.ts";
import { defineAgent } from "../src/core/definition.ts";

/** The least that an agent can do and still be one: each message changes its state. */
const counter = defineAgent({
  name: "counter",
  state: { count: 0 },
  onMessage(ctx) {
    ctx.state.count += 1;
  },
});

/** The same, and it answers. */
const teller = defineAgent({
  name: "teller",
  state: { count: 0 },
  async onMessage(ctx) {
    ctx.state.count += 1;
    await ctx.reply({ count: ctx.state.count });
  },
});

/** Sends as many messages as it is told to. */
const sender = defineAgent({
  name: "sender",
  async onMessage(ctx, message) {
    for (let i = 0; i < Number(message.payload); i += 1) await ctx.send("counter", `message ${i}`);
  },
});

/** About 1 KiB of state. One in ten has an alarm, in a month: it is dormant until then. */
const sleeper = defineAgent({
  name: "sleeper",
  state: {
    count: 0,
    profile: { language: "en", timeZone: "Europe/Berlin", style: "brief and friendly" },
    topics: Array.from({ length: 8 }, (_, i) => ({ name: `topic ${i}`, weight: i, seen: 0 })),
    notes: Array.from({ length: 8 }, (_, i) => `Note ${i}: something worth to be remembered`),
  },
  onCreate(ctx) {
    if (ctx.agent.name.endsWith("0")) ctx.schedule({ in: "30d" });
  },
  onAlarm: () => undefined,
  onMessage(ctx) {
    ctx.state.count += 1;
  },
});

/** Says as much as it is asked to: that is on its record, and not in its state. */
const speaker = defineAgent({
  name: "speaker",
  async onMessage(ctx, message) {
    await ctx.reply("x".repeat(Number(message.text)));
  },
});

/** Says when it was done with a message, ms since 1970, as an event. */
const timer = defineAgent({
  name: "timer",
  state: { count: 0 },
  onMessage(ctx) {
    ctx.state.count += 1;
    ctx.broadcast("done", {
      ended: Number((performance.timeOrigin + performance.now()).toFixed(3)),
    });
  },
});

/** The agents that are measured. None of them asks a model. */
export const AGENTS: readonly AgentDefinition[] = [
  counter,
  teller,
  sender,
  sleeper,
  speaker,
  timer,
];
