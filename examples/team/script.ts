import type { ScriptedAsk, ScriptedReply } from "@openagents/runtime/models/scripted";

const FACTS = ["flight", "hotel", "weather"];

/** Stands in for a model by rules: as the lead or as a worker, by the tools that it is given. */
export function script(ask: ScriptedAsk): ScriptedReply {
  return ask.tools.includes("delegate") ? asLead(ask) : asWorker(ask);
}

/** A worker for each name of a city, and then the one where it costs less. */
function asLead({ messages, last }: ScriptedAsk): ScriptedReply {
  if (messages.at(-1)?.role !== "tool") {
    const cities = [...new Set(last.match(/\b(?!Where|Which|Shall)[A-Z][a-z]+/g))];
    if (cities.length === 0) return { text: "Which cities?" };
    return {
      text: `I have ${cities.length} workers look at that.\n`,
      toolCalls: cities.map((city) => ({
        name: "delegate",
        input: { worker: city.toLowerCase(), task: `Find out about ${city}` },
      })),
    };
  }
  const results = resultsOf(messages);
  const cities = results.map((text) => {
    const prices = text.match(/\d+(?= EUR)/g) ?? [];
    const [name = ""] = text.split(":");
    return { name, sum: prices.reduce((sum, price) => sum + Number(price), 0) };
  });
  const [best] = cities.toSorted((a, b) => a.sum - b.sum);
  return {
    text: `${results.join("\n")}\nI recommend ${best?.name}: it is the cheapest, at ${best?.sum} EUR.`,
  };
}

/** One fact after the other, and then all of them. */
function asWorker({ messages }: ScriptedAsk): ScriptedReply {
  const task = messages.findLast(({ role }) => role === "user")?.text ?? "";
  const city = / about (.+)/.exec(task)?.[1] ?? task;
  const found = resultsOf(messages);
  const what = FACTS[found.length];
  if (what !== undefined) return { toolCalls: [{ name: "look_up", input: { city, what } }] };
  return { text: `${city}: ${found.join(", ")}` };
}

/** What tools gave since somebody said something. */
function resultsOf(messages: ScriptedAsk["messages"]): readonly string[] {
  const since = messages.findLastIndex(({ role }) => role === "user");
  return messages.slice(since).flatMap(({ role, text }) => (role === "tool" ? [text] : []));
}
