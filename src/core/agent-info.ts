import type { AgentRecord } from "./agent.ts";
import { spentOf } from "./budget.ts";
import type { Budget } from "./budget.ts";
import { sha256Hex } from "./hash.ts";
import { canonicalJson } from "./json.ts";
import type { Json } from "./json.ts";
import { readState, readText } from "./load.ts";
import { moveOf } from "./move.ts";
import type { Peer } from "./ports/memory.ts";
import type { Store } from "./ports/index.ts";
import type { AgentInfo, AgentReport, KeyInfo } from "./runtime.ts";
import { readRow } from "./trajectory.ts";
import { lastSegment, paths, timerOf } from "./tree.ts";

/** Which version of an agent's entry this is, by what can be changed of it and its type. */
export function revisionOf({ name, labels, type }: AgentRecord): string {
  return sha256Hex(canonicalJson({ name, labels, type })).slice(0, 16);
}

/** What the outside sees of an agent's entry; `active`: a host has it in memory. */
export function infoOf(record: AgentRecord, active: boolean): AgentInfo {
  const { status, account: _account, key: _key, move: _move, budget, ...rest } = record;
  const { leaving, arriving, moved } = moveOf(record);
  const id = (moved ?? arriving ?? leaving)?.move;
  return {
    ...rest,
    revision: revisionOf(record),
    status: status !== "live" ? status : active ? "active" : "dormant",
    ...(budget !== undefined && { budget: JSON.parse(budget) as Budget }),
    ...(id !== undefined && { move: { id, ...(moved && { url: moved.url }) } }),
  };
}

/** An agent's state by top-level key, as of its last commit. */
export async function agentState(store: Store, id: string): Promise<Record<string, Json>> {
  const state = await readState(store, id);
  await store.sync();
  return Object.fromEntries([...state].map(([key, json]) => [key, JSON.parse(json) as Json]));
}

/** The peers in an agent's book, as of its last commit. */
export async function agentPeers(
  store: Store,
  id: string,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<readonly Peer[]> {
  const rows = await store.files(id, {
    prefix: paths.peers,
    limit,
    ...(after !== "" && { after: paths.peers + after }),
  });
  await store.sync();
  return rows.map(({ value }) => JSON.parse(value as string) as Peer);
}

/** What the outside may know of an agent's key. */
export function keyInfoOf({ id, publicKey, account }: AgentRecord): KeyInfo {
  const identity = { npub: id, publicKey };
  return account === null
    ? { ...identity, source: "imported" }
    : { ...identity, source: "derived", account };
}

/** What an agent is at, out of its ledger. One that moved away is at nothing here. */
export async function reportOf(
  store: Store,
  { id, status }: AgentRecord,
  now: number,
): Promise<Omit<AgentReport, keyof AgentInfo>> {
  const head = await store.head(id);
  const [last] = head === undefined ? [] : await store.log(id, head.n - 1, 1);
  const past = {
    ticks: head?.n ?? 0,
    head: head?.hash,
    lastTick: last === undefined ? undefined : readRow(last).record,
  };
  if (status === "moved") return { ...past, queued: 0, alarms: [], parked: [] };
  const [queued, spent, timers, parked] = await Promise.all([
    store.depth(id),
    readText(store, id, paths.spent),
    store.files(id, { prefix: paths.timers, limit: 256 }),
    store.files(id, { prefix: paths.parkeds, limit: 256 }),
  ]);
  return {
    ...past,
    queued,
    ...(spent !== undefined && { spent: spentOf(spent, now) }),
    alarms: timers
      .map(({ path }) => timerOf(path))
      .filter(({ kind }) => kind === "alarm")
      .map(({ id: alarm, at }) => ({ id: alarm, at })),
    parked: parked.map(({ path }) => lastSegment(path)),
  };
}
