import type { Bench, Figures } from "../bench.ts";
import { startAgentd, startHttpFloor } from "../children.ts";
import { httpClient } from "../http-client.ts";
import { nameOf } from "../in-process.ts";
import { flight, median, round, tails } from "../measure.ts";

/**
 * Messages a second that a daemon takes over HTTP and answers once their tick is durable. The
 * clients are in this process and keep their connections; the agents answer with their count. Rounds of the
 * raw floor behind a bare HTTP server take turns with ours.
 */
export async function tickManyHttp(bench: Bench): Promise<Figures> {
  const { agents, inFlight, http, rounds } = bench.sizes;
  const agentd = await startAgentd(bench.directory());
  const floor = await startHttpFloor();
  const post = httpClient(agentd, inFlight);
  const raw = httpClient(floor, inFlight);
  await flight({ count: agents, inFlight }, (i) =>
    post("/agents", { name: nameOf(i), type: "teller" }),
  );
  const took: number[] = [];
  const times: { readonly ours: number; readonly floor: number }[] = [];
  for (let i = 0; i <= rounds; i += 1) {
    const begun = performance.now();
    await flight({ count: http, inFlight }, () => raw("/", { text: "tick" }));
    const start = performance.now();
    const each = await flight({ count: http, inFlight }, async (j) => {
      const said = await post(`/agents/${nameOf(j % agents)}/send?wait=60s`, { text: "tick" });
      if (!said.includes('"done"')) throw new Error(`A message was answered with ${said}`);
    });
    if (i === 0) continue;
    times.push({ ours: performance.now() - start, floor: start - begun });
    took.push(...each);
  }
  await Promise.all([agentd.stop(), floor.stop()]);
  const rate = (ms: number): number => round((http / ms) * 1000);
  return {
    value: rate(median(times.map(({ ours }) => ours))),
    unit: "messages/s",
    ...tails(took),
    ratio: round(median(times.map((time) => time.floor / time.ours))),
    against: `${rate(median(times.map((time) => time.floor)))}/s: raw node:sqlite behind bare HTTP, a turn a transaction`,
  };
}
