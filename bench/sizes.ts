/** How much each row does. BENCH_QUICK=1 does next to nothing: it shows that the rows run. */
export interface Sizes {
  /** Rounds of ours and of the floor, by turns; the median counts. */
  readonly rounds: number;
  /** Agents that share the messages of tick.many, and messages that are under way at once. */
  readonly agents: number;
  readonly inFlight: number;
  /** Messages in a round. */
  readonly many: number;
  readonly one: number;
  readonly http: number;
  /** Connections that the API's clients keep. */
  readonly connections: number;
  /** Messages from one agent to another in a round. */
  readonly mail: number;
  /** Messages in a round under workerd, and agents that it holds live. */
  readonly cloudflare: number;
  readonly live: number;
  /** Agents that are woken, and created, once each. */
  readonly wake: number;
  readonly create: number;
  /** Agents that lie dormant, and the few that they are compared with. */
  readonly dormant: number;
  readonly dormantFew: number;
  /** Agents held in memory, and the few that they are compared with. */
  readonly active: number;
  readonly activeFew: number;
  /** How often due is looked up in each store. */
  readonly lookups: number;
  /** Payloads of NIP-44, and signatures, in a round. */
  readonly payloads: number;
  readonly signatures: number;
  /** Envelopes that are routed in a round. */
  readonly drafts: number;
  /** Paths that are looked up among mounts in a round. */
  readonly resolves: number;
  /** Messages of a conversation, and how often its context is built and its words are looked for. */
  readonly messages: number;
  readonly contexts: number;
  /** Files that each thread reads of a mount in a round. */
  readonly reads: number;
  /** MiB of a long file. */
  readonly mebibytes: number;
  /** Readers that are parked in a mount. */
  readonly parked: number;
  /** Agents whose tree is walked. */
  readonly tree: number;
  /** Gift wraps that a relay has stored. */
  readonly wraps: number;
  /** Processes that are started for one figure. */
  readonly starts: number;
  /** Records of an agent that moves, and MiB of one with a large record. */
  readonly records: number;
  readonly heavy: number;
  /** Clients that follow one agent, and how often it tells them something. */
  readonly clients: number;
  readonly fans: number;
  /** Schedules of a home, the few that they are compared with, and how many of them are due at once. */
  readonly schedules: number;
  readonly schedulesFew: number;
  readonly together: number;
  readonly scheduleRounds: number;
}

const FULL: Sizes = {
  rounds: 7,
  agents: 200,
  inFlight: 32,
  many: 12_800,
  one: 1000,
  http: 12_800,
  connections: 64,
  mail: 4000,
  cloudflare: 3200,
  live: 500,
  wake: 2000,
  create: 500,
  dormant: 100_000,
  dormantFew: 1000,
  active: 10_000,
  activeFew: 100,
  lookups: 2000,
  payloads: 20_000,
  signatures: 300,
  drafts: 200_000,
  resolves: 1_000_000,
  messages: 10_000,
  contexts: 500,
  wraps: 10_000,
  starts: 7,
  records: 10_000,
  heavy: 256,
  reads: 5000,
  mebibytes: 100,
  parked: 1000,
  tree: 1000,
  clients: 1000,
  fans: 30,
  schedules: 100_000,
  schedulesFew: 1000,
  together: 1000,
  scheduleRounds: 5,
};

const QUICK: Sizes = {
  rounds: 2,
  agents: 20,
  inFlight: 8,
  many: 80,
  one: 10,
  http: 80,
  connections: 8,
  mail: 50,
  cloudflare: 40,
  live: 20,
  wake: 10,
  create: 5,
  dormant: 200,
  dormantFew: 20,
  active: 200,
  activeFew: 20,
  lookups: 10,
  payloads: 20,
  signatures: 2,
  drafts: 20_000,
  resolves: 100_000,
  messages: 1200,
  contexts: 5,
  wraps: 200,
  starts: 1,
  records: 20,
  heavy: 8,
  reads: 50,
  mebibytes: 1,
  parked: 20,
  tree: 3,
  clients: 20,
  fans: 2,
  schedules: 200,
  schedulesFew: 20,
  together: 20,
  scheduleRounds: 1,
};

/** The sizes that the environment asks for: BENCH_QUICK, and DORMANT for how many lie dormant. */
export function sizesOf(env: Readonly<Record<string, string | undefined>>): Sizes {
  const sizes = env["BENCH_QUICK"] === "1" ? QUICK : FULL;
  const dormant = Number(env["DORMANT"] || sizes.dormant);
  if (!Number.isInteger(dormant) || dormant <= sizes.dormantFew) {
    throw new TypeError(`"DORMANT" must be a whole number above ${sizes.dormantFew}`);
  }
  return { ...sizes, dormant };
}
