import { env } from "node:process";
import { defineAgent, OpenAgentsError } from "@openagents/runtime";
import { defineTool } from "@openagents/runtime/models";
import { z } from "zod";
import { modelOr } from "../model.ts";
import { script } from "./script.ts";

/**
 * Has a worker do something, a child of the lead's. Waiting for it costs nothing: the lead is parked until the
 * answer is there, over restarts too. `parallel`: several workers are at work at once.
 */
const delegate = defineTool({
  description:
    "Has a worker find something out. The name is one word; the same worker may be asked again",
  parallel: true,
  inputSchema: z.object({ worker: z.string(), task: z.string() }),
  async perform({ worker, task }, ctx) {
    const id = await ctx.spawn(worker, { type: "worker" }).catch(async (error: unknown) => {
      if (!(error instanceof OpenAgentsError && error.code === "EXISTS")) throw error;
      const child = (await ctx.children()).find(({ name }) => name === worker);
      if (child === undefined) throw error;
      return child.id;
    });
    return ctx.request(id, task, { timeout: "1h" });
  },
});

/** Each call is a step: once it has ended it is not done again, whatever happens to the process. */
const lookUp = defineTool({
  description:
    "Asks the travel desk for the flight to a city, the price of a hotel there, or the weather",
  inputSchema: z.object({ city: z.string(), what: z.enum(["flight", "hotel", "weather"]) }),
  async execute({ city, what }, { key, signal }) {
    const url = new URL(`/${what}/${encodeURIComponent(city.toLowerCase())}`, env["DESK_URL"]);
    // With the key a call that was cut off is known to the desk when it comes again.
    const response = await fetch(url, { headers: { "idempotency-key": key }, signal });
    if (!response.ok) throw new Error(`The desk does not know: ${response.status}`);
    return response.text();
  },
});

/** Splits what it is asked among workers, and makes one answer of theirs. */
export const lead = defineAgent({
  name: "lead",
  model: modelOr(script),
  instructions:
    "You lead a team. For each city that you are asked about, delegate to a worker named as the city, all at " +
    "once. When all have answered, say which city you recommend, and why, in two sentences.",
  tools: { delegate },
});

/** Finds out all that there is to know of one city. */
export const worker = defineAgent({
  name: "worker",
  model: modelOr(script),
  instructions:
    "You find out about one city. Look up its flight, its hotel and its weather, one after the other, and " +
    "answer with all three in one line.",
  tools: { look_up: lookUp },
});
