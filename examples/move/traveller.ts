import { defineAgent } from "@openagents/runtime";

/** Goes from home to home, and notes what it hears, on the way and at each place. */
export const traveller = defineAgent({
  name: "traveller",
  state: { heard: [] as string[], rang: 0, answers: [] as string[] },

  async onMessage(ctx, message) {
    const [what, ...rest] = message.text.split(" ");
    if (what === "wake") ctx.schedule({ in: rest.join(" ") }, null, { id: "bell" });
    else if (what === "ask") {
      // Parked from here on. The answer finds this agent wherever it lives by then.
      const answer = await ctx.request("friend", rest.join(" "), { timeout: "1h" });
      ctx.state.answers.push(answer as string);
    } else ctx.state.heard.push(message.text);
  },

  onAlarm(ctx) {
    ctx.state.rang += 1;
  },
});

/** Stays at home, and takes its time to answer. */
export const friend = defineAgent({
  name: "friend",
  async onMessage(ctx, message) {
    await ctx.sleep("4s");
    await ctx.reply(`yes, ${message.text}`);
  },
});
