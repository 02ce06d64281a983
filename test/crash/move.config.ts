import { defineAgent, defineRuntime } from "../../src/index.ts";

/** Keeps what it gets and counts the beats of its clock; asks, which parks it, when it is told to. */
const traveller = defineAgent({
  name: "traveller",
  state: { got: [] as string[], beats: 0, answers: [] as unknown[] },
  inbox: { depth: 100_000 },
  onCreate: (ctx) => void ctx.schedule({ every: 50 }, null, { id: "beat" }),
  async onMessage(ctx, message) {
    if (message.text === "ask") {
      ctx.state.answers.push(await ctx.request("friend", "well?", { timeout: "1h" }));
    } else ctx.state.got.push(message.text);
  },
  onAlarm: (ctx) => void (ctx.state.beats += 1),
});

/** Answers after a while, wherever the one who asked is by then. */
const friend = defineAgent({
  name: "friend",
  async onMessage(ctx, message) {
    await ctx.sleep("1s");
    await ctx.reply(`answer to ${message.text}`);
  },
});

/** Says as much as it is told to, which is then on its record. */
const speaker = defineAgent({
  name: "speaker",
  onMessage: (ctx, message) => ctx.reply("x".repeat(Number(message.text))),
});

export default defineRuntime({
  agents: [traveller, friend, speaker],
  ensure: [{ name: "friend", type: "friend" }],
});
