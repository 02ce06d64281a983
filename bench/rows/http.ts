import type { Bench, Figures } from "../bench.ts";
import { startAgentd, startHttpFloor } from "../children.ts";
import { httpClient } from "../http-client.ts";
import type { Post } from "../http-client.ts";
import { nameOf } from "../in-process.ts";
import { flight, median, round, tails } from "../measure.ts";

/**
 * Messages a second that a daemon takes over HTTP and answers once their tick is durable. The
 * clients are in this process and keep their connections; the agents answer with their count. Rounds of the
 * raw floor behind a bare HTTP server take turns with ours.
 */
export async function tickManyHttp(bench: Bench): Promise<Figures> {
  return raced(await race(bench, { connections: bench.sizes.inFlight, send: ask }));
}

/** The same at more connections: what a client that sends and waits for the reply sees. */
export async function apiAsk(bench: Bench): Promise<Figures> {
  return raced(await race(bench, { connections: bench.sizes.connections, send: ask }));
}

/**
 * Messages a second that a daemon takes over HTTP and answers once they are durable in an inbox. No tick
 * runs meanwhile, so that the time is that of the API and the inbox alone; the floor delivers and no more.
 */
export async function apiSend(bench: Bench): Promise<Figures> {
  const { connections } = bench.sizes;
  return raced(await race(bench, { connections, send: accept, paused: true }));
}

/** Sends a message to an agent. */
type Send = (post: Post, agent: string) => Promise<void>;

const ask: Send = async (post, agent) => {
  const said = await post(`/agents/${agent}/send?wait=60s`, { text: "tick" });
  if (!said.includes('"done"')) throw new Error(`A message was answered with ${said}`);
};

const accept: Send = async (post, agent) => {
  const said = await post(`/agents/${agent}/send`, { text: "tick" });
  if (!said.includes('"accepted"')) throw new Error(`A message was answered with ${said}`);
};

interface Course {
  readonly connections: number;
  readonly send: Send;
  /** No tick runs while it is measured. */
  readonly paused?: boolean;
}

interface Race {
  readonly count: number;
  /** Ms that each message took, of ours. */
  readonly took: readonly number[];
  /** Ms of each round. */
  readonly rounds: readonly { readonly ours: number; readonly floor: number }[];
}

/** Rounds of ours and of the floor by turns; before them one warms up. */
async function race(bench: Bench, { connections, send, paused = false }: Course): Promise<Race> {
  const { agents, http: count } = bench.sizes;
  const agentd = await startAgentd(bench.directory());
  const floor = await startHttpFloor(...(paused ? (["accept"] as const) : []));
  const post = httpClient(agentd, connections);
  const raw = httpClient(floor, connections);
  const inFlight = connections;
  await flight({ count: agents, inFlight }, (i) =>
    post("/agents", { name: nameOf(i), type: "teller" }),
  );
  if (paused) await post("/runtime/pause", {});
  const took: number[] = [];
  const rounds: { readonly ours: number; readonly floor: number }[] = [];
  for (let i = 0; i <= bench.sizes.rounds; i += 1) {
    const begun = performance.now();
    await flight({ count, inFlight }, () => raw("/", { text: "tick" }));
    const start = performance.now();
    const each = await flight({ count, inFlight }, (j) => send(post, nameOf(j % agents)));
    if (i === 0) continue;
    rounds.push({ ours: performance.now() - start, floor: start - begun });
    took.push(...each);
  }
  await Promise.all([agentd.stop(), floor.stop()]);
  return { count, took, rounds };
}

function raced({ count, took, rounds }: Race): Figures {
  const rate = (ms: number): number => round((count / ms) * 1000);
  return {
    value: rate(median(rounds.map(({ ours }) => ours))),
    unit: "messages/s",
    ...tails(took),
    ratio: round(median(rounds.map((time) => time.floor / time.ours))),
    against: `${rate(median(rounds.map(({ floor }) => floor)))}/s: raw node:sqlite behind bare HTTP, a turn a transaction`,
  };
}
