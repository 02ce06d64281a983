import { defineAgent } from "../../src/index.ts";
import type { AgentOptions } from "../../src/index.ts";
import { modelThinker } from "../../src/models/index.ts";
import { scriptedModel } from "../../src/models/scripted.ts";
import type { Script } from "../../src/models/scripted.ts";
import { setting } from "../core/setting.ts";

/** A micro-USD for a token of input, and two for one of output. */
export const PRICES = {
  scripted: { input: 1_000_000, output: 2_000_000, cacheRead: 0, cacheWrite: 0 },
};
export const USAGE = { input: 100, output: 10 };
/** What a call with that costs. */
export const CALL = { usd: 120, tokens: 110 };
export const times = (n: number) => ({ usd: n * CALL.usd, tokens: n * CALL.tokens });

/** A model agent `a` that may spend a dollar a day. */
export async function spender(
  script: Script,
  options: Partial<AgentOptions> = {},
  more: Parameters<typeof setting>[1] = {},
) {
  const model = scriptedModel(script);
  const agent = defineAgent({
    name: "a",
    model,
    retry: { retries: 1, backoff: 1 },
    budget: { perDay: { usd: "1.00" } },
    ...options,
    think: { prices: PRICES, limits: { backoff: 0 }, ...options.think },
  });
  const set = await setting([agent], { thinker: modelThinker(), ...more });
  const spent = async () => (await set.runtime.status("a")).spent;
  /** Lets all happen that is due; a call of a model takes turns of the process, and no time. */
  const settle = async () => {
    for (let i = 0; i < 20; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      await set.clock.advance(10);
    }
  };
  const say = async (text: string) => {
    await set.tell("a", text);
    await settle();
    return (await set.runtime.status("a")).lastTick!;
  };
  return { ...set, model, spent, settle, say };
}
