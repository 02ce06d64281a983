import { BETWEEN, CLOSED, RECORDING, TICKING } from "../core/agent.ts";
import type { AgentRecord, AgentStatus } from "../core/agent.ts";
import { isUrgent, URGENT_ROOM } from "../core/envelope.ts";
import type { Envelope } from "../core/envelope.ts";
import { OpenAgentsError } from "../core/errors.ts";
import { comparePaths } from "../core/path-order.ts";
import type { FoundQuery } from "../core/search.ts";
import type {
  Changes,
  Claim,
  Due,
  DueQuery,
  EntryChange,
  ListQuery,
  LogHead,
  LogRow,
  Mail,
  MailQuery,
  MailRow,
  OutboxRow,
  Page,
  Receipt,
  Restored,
  SeenQuery,
  SeenRow,
  Store,
  TreeQuery,
  TreeRow,
  Value,
  WaitingQuery,
} from "../core/ports/store.ts";
import { bury, byPosition, byPriority, finish, kill, newAgent } from "./memory/agent.ts";
import { newMail, place, toMailRow } from "./memory/agent.ts";
import type { Agent } from "./memory/agent.ts";
import { putFiles, removeFile, search } from "./memory/files.ts";
import { Outbox } from "./memory/outbox.ts";
import { restore } from "./memory/restore.ts";
import { notWaiting, stale } from "./memory/stale.ts";
import { Undo } from "./memory/undo.ts";
import { copy } from "./memory/value.ts";

export { memoryHomeFiles } from "./memory/home-files.ts";

/** A store that ends with its process: for tests, and for trying things out. */
export interface MemoryStore extends Store {
  /**
   * What a power cut does: loses all that was applied since the last `sync()` and drops every claim.
   * The store goes on from there, also when it was closed.
   */
  crash(): void;
}

/** A store in plain maps. Its `due` looks at every agent. */
export function memoryStore(): MemoryStore {
  return new Memory();
}

/** Why mail is a dead letter when the inbox was full. */
const FULL = "The inbox was full";

class Memory implements MemoryStore {
  readonly #undo = new Undo();
  readonly #agents = new Map<string, Agent>();
  /** Ids by public key and by name. */
  readonly #ids = new Map<string, string>();
  readonly #outbox = new Outbox(this.#undo);
  readonly #claims = new Map<
    string,
    { readonly fence: number; until: number; shown: ReadonlySet<number> }
  >();
  /** Numbers given so far; they are not taken back. */
  readonly #given = { account: -1, num: 0, position: 0, fence: 0 };
  #closed = false;
  #crashed = false;

  crash(): void {
    this.#undo.back();
    this.#claims.clear();
    this.#closed = false;
    this.#crashed = true;
  }

  async sync(): Promise<void> {
    this.#open();
    this.#undo.clear();
  }

  async crashed(): Promise<boolean> {
    this.#open();
    return this.#crashed;
  }

  async close(): Promise<void> {
    this.#crashed = false;
    this.#undo.clear();
    this.#closed = true;
  }

  async reserve(above = -1): Promise<number> {
    this.#open();
    this.#given.account = Math.max(this.#given.account, above);
    return this.#give("account");
  }

  async create(record: AgentRecord, first?: Envelope): Promise<void> {
    this.#open();
    const { id, publicKey, name, status } = record;
    if (this.#agents.has(id) || this.#ids.has(publicKey)) {
      throw new OpenAgentsError("EXISTS", `Cannot create agent "${id}": it exists`);
    }
    if (status !== "terminated") this.#checkFree(name, id);
    const agent = newAgent(this.#give("num"), { ...record });
    this.#undo.set(this.#agents, id, agent);
    this.#undo.set(this.#ids, publicKey, id);
    if (status !== "terminated") this.#undo.set(this.#ids, name, id);
    if (first === undefined) return;
    place(this.#undo, agent, newMail(this.#give("position"), first, record.createdAt));
  }

  async get(ref: string): Promise<AgentRecord | undefined> {
    this.#open();
    return this.#agents.get(this.#agents.has(ref) ? ref : (this.#ids.get(ref) ?? ""))?.record;
  }

  async list({
    cursor,
    limit,
    status,
    type,
    label,
    parent,
  }: ListQuery): Promise<Page<AgentRecord>> {
    this.#open();
    const after = cursor === undefined ? 0 : Number(cursor);
    if (!Number.isSafeInteger(after)) {
      throw new OpenAgentsError("INVALID", `Cannot list agents: bad cursor "${cursor}"`);
    }
    const found = [...this.#agents.values()]
      .filter(({ num, record }) => {
        if (status !== undefined && record.status !== status) return false;
        if (label !== undefined && !record.labels.includes(label)) return false;
        if (parent !== undefined && record.parent !== parent) return false;
        return num > after && (type === undefined || record.type === type);
      })
      .sort((a, b) => a.num - b.num);
    const items = found.slice(0, limit).map((agent) => agent.record);
    const last = found[limit - 1];
    return found.length > limit && last !== undefined
      ? { items, cursor: String(last.num) }
      : { items };
  }

  async update(id: string, change: EntryChange): Promise<void> {
    const agent = this.#agent(id);
    const { record } = agent;
    const { name = record.name, labels = record.labels } = change;
    if (record.status !== "terminated" && name !== record.name) {
      this.#checkFree(name, id);
      this.#undo.delete(this.#ids, record.name);
      this.#undo.set(this.#ids, name, id);
    }
    this.#undo.assign(agent, "record", { ...record, name, labels });
  }

  async setStatus(id: string, status: AgentStatus, move?: string | null): Promise<void> {
    const agent = this.#agent(id);
    this.#checkStatus(agent, status);
    this.#writeStatus(agent, status);
    if (status === "moved") this.#outbox.erase(id);
    if (move === undefined) return;
    const { move: _before, ...record } = agent.record;
    this.#undo.assign(agent, "record", move === null ? record : { ...record, move });
  }

  async remove(id: string): Promise<void> {
    this.#open();
    const agent = this.#agents.get(id);
    if (agent === undefined) return;
    const { publicKey, name, status } = agent.record;
    this.#undo.delete(this.#agents, id);
    this.#undo.delete(this.#ids, publicKey);
    if (status !== "terminated") this.#undo.delete(this.#ids, name);
    this.#outbox.erase(id);
    this.#claims.delete(id);
  }

  async clear(id: string): Promise<void> {
    const agent = this.#agent(id);
    const { num, record } = agent;
    if (record.status !== "moved" && record.status !== "arriving") {
      throw new OpenAgentsError("INVALID", `Cannot clear agent "${id}": it is ${record.status}`);
    }
    this.#undo.set(this.#agents, id, newAgent(num, record));
    this.#outbox.erase(id);
    this.#claims.delete(id);
  }

  async restore(id: string, part: Restored): Promise<void> {
    const agent = this.#agent(id);
    restore(this.#undo, agent, part, () => this.#give("position"));
    for (const envelope of part.outbox ?? []) this.#outbox.add(id, envelope);
  }

  async deliver(mail: readonly Mail[]): Promise<readonly Receipt[]> {
    this.#open();
    return mail.map((one) => this.#deliver(one));
  }

  async mail(id: string, query: MailQuery): Promise<readonly MailRow[]> {
    const { box, after = 0, envelope, limit } = query;
    const { waiting, dead } = this.#agent(id);
    return [...(box === "inbox" ? waiting : dead).values()]
      .filter((row) => row.position > after && (envelope ?? row.id) === row.id)
      .sort(byPosition)
      .slice(0, limit)
      .map(toMailRow);
  }

  async seen(id: string, { after = "", limit }: SeenQuery): Promise<readonly SeenRow[]> {
    return [...this.#agent(id).done.values()]
      .filter((row) => comparePaths(row.id, after) > 0)
      .sort((a, b) => comparePaths(a.id, b.id))
      .slice(0, limit)
      .map((row) => ({ ...row }));
  }

  async depth(id: string): Promise<number> {
    return this.#agent(id).waiting.size;
  }

  async replay(id: string, envelopeId: string): Promise<boolean> {
    const agent = this.#agent(id);
    const mail = agent.dead.get(agent.positions.get(envelopeId) ?? 0);
    if (mail === undefined) return false;
    const { envelope, position, at } = toMailRow(mail);
    if (envelope.to === id) {
      place(this.#undo, agent, newMail(position, envelope, at));
    } else {
      finish(this.#undo, agent, position);
      this.#outbox.add(id, envelope);
    }
    return true;
  }

  async discard(id: string, envelopeId: string, files?: string): Promise<boolean> {
    const agent = this.#agent(id);
    const mail = agent.dead.get(agent.positions.get(envelopeId) ?? 0);
    if (mail === undefined) return false;
    finish(this.#undo, agent, mail.position);
    if (files !== undefined) removeFile(this.#undo, agent, files);
    return true;
  }

  async outbox(after: number, limit: number, agent?: string): Promise<readonly OutboxRow[]> {
    this.#open();
    const carried = (id: string): boolean => !BETWEEN.has(this.#agent(id).record.status);
    return this.#outbox.read(after, limit, agent === undefined ? carried : (id) => id === agent);
  }

  async sent(
    rows: readonly { readonly row: OutboxRow; readonly reason?: string }[],
  ): Promise<void> {
    this.#open();
    for (const { row, reason } of rows) {
      const there = this.#outbox.take(row.seq);
      const sender = this.#agents.get(row.agent);
      if (!there || sender === undefined || reason === undefined) continue;
      this.#bury(sender, { envelope: row.envelope, attempts: 0, reason });
    }
  }

  async forget(before: number, limit: number): Promise<number> {
    this.#open();
    const old = [...this.#agents.values()]
      .flatMap((agent) => [...agent.done].map(([position, row]) => ({ agent, position, ...row })))
      .filter((row) => row.at < before)
      .sort((a, b) => a.at - b.at || a.position - b.position)
      .slice(0, limit);
    for (const { agent, position, id } of old) {
      this.#undo.delete(agent.done, position);
      this.#undo.delete(agent.positions, id);
    }
    return old.length;
  }

  async read(id: string, paths: readonly string[]): Promise<readonly (Value | undefined)[]> {
    const { files } = this.#agent(id);
    return paths.map((path) => copy(files.get(path)));
  }

  async files(id: string, { prefix, after, limit }: TreeQuery): Promise<readonly TreeRow[]> {
    return [...this.#agent(id).files]
      .filter(([path]) => path.startsWith(prefix))
      .filter(([path]) => after === undefined || comparePaths(path, after) > 0)
      .sort(([a], [b]) => comparePaths(a, b))
      .slice(0, limit)
      .map(([path, value]) => ({ path, value: copy(value) }));
  }

  async search(id: string, query: FoundQuery): Promise<readonly string[]> {
    return search(this.#agent(id), query);
  }

  async head(id: string): Promise<LogHead | undefined> {
    const { head } = this.#agent(id);
    return head && { n: head.n, hash: head.hash };
  }

  async log(id: string, after: number, limit: number): Promise<readonly LogRow[]> {
    const { log } = this.#agent(id);
    const rows: LogRow[] = [];
    for (let n = Math.max(after, 0) + 1; rows.length < limit; n += 1) {
      const row = log.get(n);
      if (row === undefined) break;
      rows.push(row);
    }
    return rows;
  }

  async waiting(id: string, query: WaitingQuery): Promise<readonly MailRow[]> {
    const { limit, after, except = [], urgent = false } = query;
    const from = after && { position: after.position, priority: after.envelope.priority ?? 0 };
    const rows = [...this.#agent(id).waiting.values()]
      .filter((mail) => from === undefined || byPriority(mail, from) > 0)
      .sort(byPriority)
      .map(toMailRow)
      .filter(({ envelope }) => envelope.source === "control" || !except.includes(envelope.from))
      .filter(({ envelope }) => !urgent || isUrgent(envelope))
      .slice(0, limit);
    const held = this.#claims.get(id);
    if (held !== undefined) {
      const before = after === undefined && !urgent ? [] : held.shown;
      held.shown = new Set([...before, ...rows.map(({ position }) => position)]);
    }
    return rows;
  }

  async journal(claim: Claim, files: readonly TreeRow[]): Promise<void> {
    putFiles(this.#undo, this.#claimed(claim), files);
  }

  async commit(claim: Claim, changes: Changes): Promise<void> {
    const agent = this.#claimed(claim);
    const { log, ack = [], retry = [], status, wakeAt } = changes;
    if (!RECORDING.has(agent.record.status)) throw stale(claim.id, `it is ${agent.record.status}`);
    const next = (agent.head?.n ?? 0) + 1;
    if (log.n !== next) throw stale(claim.id, `its next record is ${next}, not ${log.n}`);
    if (status !== undefined) this.#checkStatus(agent, status);
    const positions = new Set<number>();
    for (const position of [...ack, ...retry.map((row) => row.position)]) {
      if (positions.has(position) || !agent.waiting.has(position)) {
        throw notWaiting(claim.id, position);
      }
      positions.add(position);
    }

    for (const position of ack) finish(this.#undo, agent, position);
    for (const { position, notBefore, attempts } of retry) {
      const mail = agent.waiting.get(position);
      if (mail) this.#undo.set(agent.waiting, position, { ...mail, notBefore, attempts });
    }
    for (const path of changes.remove ?? []) removeFile(this.#undo, agent, path);
    putFiles(this.#undo, agent, changes.put ?? []);
    for (const row of changes.bury ?? []) this.#bury(agent, row);
    for (const envelope of changes.send ?? []) this.#outbox.add(claim.id, envelope);
    if (wakeAt !== undefined) this.#undo.assign(agent, "wakeAt", wakeAt);
    if (status !== undefined) this.#writeStatus(agent, status);
    this.#undo.set(agent.log, log.n, { ...log });
    this.#undo.assign(agent, "head", { ...log });
  }

  async due({ now, limit, mail, cursor }: DueQuery): Promise<Due> {
    this.#open();
    const ticking = [...this.#agents.values()]
      .filter((agent) => TICKING.has(agent.record.status))
      .sort((a, b) => a.num - b.num);
    const times = ticking.map((agent) => agent.wakeAt).filter((at) => at !== null);
    const timed = ticking
      .filter((agent) => agent.wakeAt !== null && agent.wakeAt <= now)
      .filter(({ record }) => (this.#claims.get(record.id)?.until ?? 0) <= now)
      .sort((a, b) => (a.wakeAt ?? 0) - (b.wakeAt ?? 0))
      .slice(0, limit);
    const after = cursor === undefined ? 0 : Number(cursor);
    const mailed = ticking
      .filter(({ num, waiting }) => {
        return mail && num > after && [...waiting.values()].some((row) => row.notBefore <= now);
      })
      .slice(0, limit);
    const later = times.filter((at) => at > now).sort((a, b) => a - b);
    const more = timed.length === limit || mailed.length === limit;
    const last = mailed.length === limit ? mailed.at(-1)?.num : Number.MAX_SAFE_INTEGER;
    return {
      agents: [...new Set([...timed, ...mailed].map((agent) => agent.record.id))],
      next: later[0],
      ...(more && { cursor: String(last) }),
    };
  }

  async claim(id: string, now: number, until: number): Promise<Claim | undefined> {
    this.#agent(id);
    const held = this.#claims.get(id);
    if (held !== undefined && held.until > now) return undefined;
    const fence = this.#give("fence");
    this.#claims.set(id, { fence, until, shown: new Set() });
    return { id, fence };
  }

  async renew(claim: Claim, until: number): Promise<boolean> {
    this.#open();
    const held = this.#claims.get(claim.id);
    if (held?.fence !== claim.fence) return false;
    held.until = until;
    return true;
  }

  async release(claim: Claim, wakeAt?: number | null): Promise<void> {
    this.#open();
    if (this.#claims.get(claim.id)?.fence !== claim.fence) return;
    if (wakeAt !== undefined) this.#undo.assign(this.#agent(claim.id), "wakeAt", wakeAt);
    this.#claims.delete(claim.id);
  }

  #open(): void {
    if (this.#closed) throw new OpenAgentsError("STORE", "Cannot use store: it is closed");
  }

  #give(what: "account" | "num" | "position" | "fence"): number {
    this.#given[what] += 1;
    return this.#given[what];
  }

  #agent(id: string): Agent {
    this.#open();
    const agent = this.#agents.get(id);
    if (agent === undefined) {
      throw new OpenAgentsError("NOT_FOUND", `Cannot find agent "${id}"`);
    }
    return agent;
  }

  #claimed(claim: Claim): Agent {
    this.#open();
    if (this.#claims.get(claim.id)?.fence !== claim.fence) {
      throw stale(claim.id, "the claim is lost");
    }
    return this.#agent(claim.id);
  }

  #deliver({ envelope, inbox, at }: Mail): Receipt {
    const agent = this.#agents.get(envelope.to);
    if (agent === undefined) return "unknown";
    const closed = CLOSED[agent.record.status];
    if (closed !== undefined) return closed;
    if (agent.positions.has(envelope.id)) return "duplicate";
    const room = inbox.depth + (isUrgent(envelope) ? URGENT_ROOM : 0);
    const excess = agent.waiting.size - room + 1;
    if (excess > 0 && inbox.overflow === "reject-new") return "rejected";
    const mail = newMail(this.#give("position"), envelope, at);
    if (excess > 0 && (inbox.overflow === "dead-letter" || inbox.depth < 1)) {
      kill(this.#undo, agent, mail, FULL);
      return "dead-lettered";
    }
    // Answers and commands stay, and so does what the holder of the claim may be working on.
    const shown = this.#claims.get(envelope.to)?.shown;
    const oldest = [...agent.waiting.values()]
      .filter((row) => !row.urgent && shown?.has(row.position) !== true)
      .sort(byPosition)
      .slice(0, Math.max(excess, 0));
    for (const row of oldest) kill(this.#undo, agent, row, FULL);
    place(this.#undo, agent, mail);
    return "accepted";
  }

  #bury(
    agent: Agent,
    row: { readonly envelope: Envelope; readonly attempts: number; readonly reason: string },
  ): void {
    bury(this.#undo, agent, row.envelope, { ...row, position: () => this.#give("position") });
  }

  #checkFree(name: string, id: string): void {
    const owner = this.#ids.get(name);
    if (owner === undefined || owner === id) return;
    throw new OpenAgentsError("EXISTS", `Cannot name an agent "${name}": "${owner}" has the name`);
  }

  #checkStatus({ record }: Agent, status: AgentStatus): void {
    if (record.status === "terminated" && status !== "terminated") {
      this.#checkFree(record.name, record.id);
    }
  }

  #writeStatus(agent: Agent, status: AgentStatus): void {
    const { id, name } = agent.record;
    if (status !== "terminated") this.#undo.set(this.#ids, name, id);
    else if (this.#ids.get(name) === id) this.#undo.delete(this.#ids, name);
    this.#undo.assign(agent, "record", { ...agent.record, status });
  }
}
