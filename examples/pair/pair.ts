import { defineAgent } from "@openagents/runtime";

/** Buys what a message names: asks the seller for the price, and waits as long as that takes. */
export const buyer = defineAgent({
  name: "buyer",
  state: { bought: [] as string[] },

  async onMessage(ctx, message) {
    const item = message.text;
    // Parks the tick: nothing of it is in memory until the answer is here, restart or no restart.
    // Then this function runs again from its first line, and here it gets the answer.
    const price = (await ctx.request("seller", { item }, { timeout: "1h" })) as string;
    ctx.state.bought.push(item);
    await ctx.reply(`Bought ${item} for ${price}`);
  },
});

/** Names prices, after thinking for a while. */
export const seller = defineAgent({
  name: "seller",
  state: { asked: 0 },

  async onMessage(ctx, message) {
    const { item } = message.payload as { item: string };
    // Parks as well.
    await ctx.sleep("3s");
    ctx.state.asked += 1;
    await ctx.reply(`${item.length}.00`);
  },
});
