import { defineAgent } from "@openagents/runtime";

/** Greets whoever writes, counts them, and says goodbye an hour after the last one. */
export const greeter = defineAgent({
  name: "greeter",
  state: { greeted: 0 },

  async onMessage(ctx, message) {
    ctx.state.greeted += 1;
    await ctx.reply(`Hello ${message.text}, you are number ${ctx.state.greeted}`);
    ctx.broadcast("greeted", { total: ctx.state.greeted });
    // With an id of its own, so that the next guest moves this alarm and does not add another.
    ctx.schedule({ in: "1h" }, { note: "say goodbye" }, { id: "goodbye" });
  },

  onAlarm(ctx) {
    ctx.log.info("The last guest has left", { total: ctx.state.greeted });
    ctx.broadcast("goodbye", { total: ctx.state.greeted });
  },
});
