import type { AgentRecord } from "../../core/agent.ts";
import type { Envelope } from "../../core/envelope.ts";
import type {
  Changes,
  Claim,
  InboxPolicy,
  LogRow,
  Mail,
  MailRow,
  Receipt,
  Store,
} from "../../core/ports/store.ts";
import { ok } from "../assert.ts";

/** A fresh store for one case. */
export interface StoreFixture {
  readonly store: Store;
  /** What a restart does: the store again with what was durable. Use only the new one then. */
  readonly reopen?: () => Promise<Store>;
  dispose(): Promise<void>;
}

/** What a case body gets. */
export interface StoreCase extends StoreFixture {
  readonly reopen: () => Promise<Store>;
}

/** Cases by name. Those that need `reopen` are listed apart. */
export interface StoreCases {
  readonly cases: Readonly<Record<string, (fixture: StoreCase) => Promise<void>>>;
  readonly reopening?: Readonly<Record<string, (fixture: StoreCase) => Promise<void>>>;
}

/** The time at which the cases happen. */
export const NOW = 1_760_000_000_000;

/** The id of the agent with this name: formed as an npub, with no key behind it. */
export function idOf(name: string): string {
  return `npub1${name.replaceAll(/[^a-z0-9]/g, "").padStart(58, "q")}`;
}

export function agent(name: string, overrides: Partial<AgentRecord> = {}): AgentRecord {
  return {
    id: idOf(name),
    publicKey: Array.from(name, (c) => c.charCodeAt(0).toString(16))
      .join("")
      .padStart(64, "0"),
    name,
    type: "greeter",
    labels: [],
    status: "live",
    account: 0,
    createdAt: NOW,
    ...overrides,
  };
}

/** An envelope to the agent with this name. */
export function envelope(to: string, id: string, overrides: Partial<Envelope> = {}): Envelope {
  return {
    id,
    sentAt: NOW,
    source: "test",
    from: "operator",
    to: idOf(to),
    type: "message",
    payload: { text: `This is ${id}` },
    ...overrides,
  };
}

export function mail(envelope: Envelope, inbox: Partial<InboxPolicy> = {}, at: number = NOW): Mail {
  return { envelope, inbox: { depth: 1000, overflow: "dead-letter", ...inbox }, at };
}

/** Creates agents with these names and an empty inbox: their first envelope is done with. */
export async function create(store: Store, ...names: string[]): Promise<void> {
  for (const name of names) {
    await store.create(agent(name), envelope(name, "first"));
    await tick(store, name, { ack: [await positionOf(store, name, "first")] });
  }
}

/** Delivers envelopes to the agent with this name. */
export function deliver(store: Store, to: string, ...ids: string[]): Promise<readonly Receipt[]> {
  return store.deliver(ids.map((id) => mail(envelope(to, id))));
}

export async function inbox(store: Store, name: string): Promise<readonly MailRow[]> {
  return store.waiting(idOf(name), { limit: 1000 });
}

export async function dead(store: Store, name: string): Promise<readonly MailRow[]> {
  return store.mail(idOf(name), { box: "deadletter", limit: 1000 });
}

export function ids(rows: readonly { readonly envelope: Envelope }[]): readonly string[] {
  return rows.map((row) => row.envelope.id);
}

export async function positionOf(store: Store, name: string, id: string): Promise<number> {
  const row = (await inbox(store, name)).find((row) => row.envelope.id === id);
  ok(row, `envelope "${id}" to wait`);
  return row.position;
}

export async function claim(store: Store, name: string, now: number = NOW): Promise<Claim> {
  const claim = await store.claim(idOf(name), now, now + 60_000);
  ok(claim, `a claim on "${name}"`);
  return claim;
}

export function logRow(n: number): LogRow {
  return { n, hash: `hash-${n}`, record: `{"n":${n}}`, output: undefined };
}

/** One whole tick, with the next record. */
export async function tick(
  store: Store,
  name: string,
  changes: Omit<Changes, "log"> & { readonly log?: Partial<LogRow> } = {},
): Promise<void> {
  const held = await claim(store, name);
  const head = await store.head(held.id);
  await store.commit(held, { ...changes, log: { ...logRow((head?.n ?? 0) + 1), ...changes.log } });
  await store.release(held);
}
