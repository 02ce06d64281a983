import type { Bench, Figures } from "../bench.ts";
import { startAgentd } from "../children.ts";
import { httpClient } from "../http-client.ts";
import { nameOf } from "../in-process.ts";
import { flight, median, round, tails } from "../measure.ts";

/**
 * Messages a second that a daemon takes over HTTP and answers once their tick is durable. The
 * clients are in this process and keep their connections; the agents answer with their count.
 */
export async function tickManyHttp(bench: Bench): Promise<Figures> {
  const { agents, inFlight, http, rounds } = bench.sizes;
  const agentd = await startAgentd(bench.directory());
  const post = httpClient(agentd, inFlight);
  await flight({ count: agents, inFlight }, (i) =>
    post("/agents", { name: nameOf(i), type: "teller" }),
  );
  const took: number[] = [];
  const rates: number[] = [];
  for (let i = 0; i <= rounds; i += 1) {
    const start = performance.now();
    const each = await flight({ count: http, inFlight }, async (j) => {
      const said = await post(`/agents/${nameOf(j % agents)}/send?wait=60s`, { text: "tick" });
      if (!said.includes('"done"')) throw new Error(`A message was answered with ${said}`);
    });
    if (i === 0) continue;
    rates.push((http / (performance.now() - start)) * 1000);
    took.push(...each);
  }
  await agentd.stop();
  return { value: round(median(rates)), unit: "messages/s", ...tails(took) };
}
