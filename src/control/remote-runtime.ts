import type { IfMatch } from "../core/if-match.ts";
import type { GoalInfo } from "../core/operations.ts";
import type { Page } from "../core/ports/index.ts";
import type { FileText, MemoryHit, Peer } from "../core/ports/memory.ts";
import type { AgentInfo, AlarmInfo } from "../core/runtime.ts";
import { BUNDLE_TYPE } from "../core/bundle/manifest.ts";
import { errorInfo } from "../core/errors.ts";
import { createClient } from "./client.ts";
import type { CallOptions, Client, Connection } from "./client.ts";
import { etagOf } from "./etag.ts";
import { remoteFiles } from "./remote-files.ts";
import type { RemoteHome, RemoteSchedules, RemoteSecrets, RemoteTokens } from "./remote-home.ts";
import type { RuntimeStatus } from "./shapes/home.ts";
import type { TickView } from "./shapes/record.ts";
import type { LoggedLine } from "./shapes/work.ts";
import type { DeliveryInfo, Webhook, WebhookAdmin } from "./webhooks.ts";

export { agentSocket } from "./agent-socket.ts";
export type { AgentSocket, AgentSocketOptions, SocketMail } from "./agent-socket.ts";
export type { CallOptions, Connection } from "./client.ts";
export type { ServerEvent } from "./events.ts";
export { remoteFiles } from "./remote-files.ts";
export { moveAgent } from "./move-agent.ts";
export type { MoveHomes, MoveOptions, MoveResult, MoveStep, MovingHome } from "./move-agent.ts";
export type { EventFrame } from "./socket-frames.ts";
export type { EventName } from "./tick-events.ts";
export type { RemoteRuntime } from "../core/runtime.ts";
export type {
  RemoteHome,
  RemoteSchedules,
  RemoteSecrets,
  RemoteTokens,
  StreamOptions,
} from "./remote-home.ts";

/**
 * A home behind its control API, on any backend, and the runtime of its agents. What is refused there
 * comes as the same error, and UNREACHABLE when nothing answers; a send that ended so may have arrived,
 * and is safe to send again under the same id, as other calls are under the same `idempotencyKey`.
 */
export function remoteRuntime(connection: Connection, options: CallOptions = {}): RemoteHome {
  const client = createClient(connection, options);
  const of = (ref: string, rest = ""): string => `/agents/${encodeURIComponent(ref)}${rest}`;
  const rows = async <T>(ref: string, what: string, range: readonly [number, number]) => {
    const [first, limit] = range;
    const items: T[] = [];
    let after: string | undefined = String(first);
    while (after !== undefined && items.length < limit) {
      const query: string = `after=${after}&limit=${limit - items.length}`;
      const page: Page<T> = await client.page<T>(of(ref, `/${what}?${query}`));
      items.push(...page.items);
      after = page.cursor;
    }
    return items;
  };
  return {
    with: (others) => remoteRuntime(connection, others),
    tokens: remoteTokens(client),
    secrets: remoteSecrets(client),
    schedules: remoteSchedules(client),
    webhooks: remoteWebhooks(client),
    create: (agent) => client.post("/agents", { body: agent }),
    get: (ref) => client.get(of(ref)),
    list: (query = {}) => client.page<AgentInfo>(`/agents${search(query)}`),
    status: (ref) => client.get(of(ref, "/status")),
    state: (ref) => client.get(of(ref, "/state")),
    send: (ref, mail) => client.post(of(ref, "/send"), { body: mail }),
    ask: (ref, mail, { timeout }) => client.post(of(ref, `/send?wait=${timeout}`), { body: mail }),
    tick: (ref) => client.post(of(ref, "/tick")),
    wake: (ref) => client.post(of(ref, "/wake")),
    hibernate: (ref) => client.post(of(ref, "/hibernate")),
    update: (ref, change, { ifMatch } = {}) =>
      client.patch(of(ref), { body: change, headers: matching(ifMatch) }),
    pause: (ref) => client.post(of(ref, "/pause")),
    resume: (ref) => client.post(of(ref, "/resume")),
    async cancel(ref, { trigger } = {}) {
      const body = { ...(trigger !== undefined && { trigger }) };
      const { cancelled } = await client.post<{ cancelled?: string }>(of(ref, "/cancel"), { body });
      return { cancelled };
    },
    goals: async (ref, after, limit) =>
      (await client.page<GoalInfo>(of(ref, `/goals${search({ after, limit })}`))).items,
    addGoal: (ref, goal) => client.post(of(ref, "/goals"), { body: goal }),
    updateGoal: (ref, goal, change, { ifMatch } = {}) =>
      client.patch(of(ref, `/goals/${encodeURIComponent(goal)}`), {
        body: change,
        headers: matching(ifMatch),
      }),
    removeGoal: (ref, goal, { ifMatch } = {}) =>
      client.delete(of(ref, `/goals/${encodeURIComponent(goal)}`), { headers: matching(ifMatch) }),
    fs: (ref) => remoteFiles(client, ref),
    tree: remoteFiles(client),
    searchMemory: async (ref, words, query = {}) =>
      (await client.page<MemoryHit>(of(ref, `/memory/search${search({ q: words, ...query })}`)))
        .items,
    files: (ref, query = {}) => client.page<FileText>(of(ref, `/memory${search(query)}`)),
    alarms: async (ref, after, limit) =>
      (await client.page<AlarmInfo>(of(ref, `/alarms${search({ after, limit })}`))).items,
    pauseAll: () => client.post("/runtime/pause"),
    resumeAll: () => client.post("/runtime/resume"),
    paused: async () => (await client.get<RuntimeStatus>("/runtime/status")).paused,
    logs: (ref, query = {}) => client.page<LoggedLine>(of(ref, `/logs${search(query)}`)),
    ticks: (ref, ...range) => rows<TickView>(ref, "ticks", range),
    tickAt: (ref, n) => client.get(of(ref, `/ticks/${n}`)),
    stream: (ref, { after, events } = {}) =>
      client.stream(of(ref, `/stream${search({ events: events?.join(",") })}`), after),
    runtimeStatus: () => client.get("/runtime/status"),
    metricsText: (ref) =>
      client.text(ref === undefined ? "/runtime/metrics" : of(ref, "/metrics"), "text/plain"),
    health: async () => (await client.probe("/healthz")) === 200,
    ready: async () => (await client.probe("/readyz")) === 200,
    document: () => client.get("/openapi.json"),
    terminate: (ref) => client.delete(of(ref)),
    purge: (ref) => client.delete(of(ref, "?purge")),
    log: (ref, ...range) => rows(ref, "trajectory", range),
    verify: (ref) => client.get(of(ref, "/trajectory/verify")),
    inbox: (ref, ...range) => rows(ref, "inbox", range),
    deadLetters: (ref, ...range) => rows(ref, "deadletter", range),
    peers: async (ref, after, limit) => {
      const query = new URLSearchParams({ after, limit: String(limit) });
      return (await client.page<Peer>(of(ref, `/peers?${query.toString()}`))).items;
    },
    resolve: (ref) => client.get(`/runtime/resolve?name=${encodeURIComponent(ref)}`),
    unlock: (passphrase) => client.post("/runtime/unlock", { body: { passphrase } }),
    key: (ref) => client.get(of(ref, "/key")),
    async exportKey(ref, password) {
      const sealed = client.post<{ ncryptsec: string }>(of(ref, "/key/export"), {
        body: { password },
      });
      return (await sealed).ncryptsec;
    },
    replay: (ref, id) => client.post(of(ref, `/deadletter/${encodeURIComponent(id)}/replay`)),
    discard: (ref, id) => client.post(of(ref, `/deadletter/${encodeURIComponent(id)}/discard`)),
    identity: () => client.get("/runtime/identity"),
    export: (ref, { move, to } = {}) =>
      client.bytes(of(ref, `/export${search({ move, to })}`), BUNDLE_TYPE),
    import: (stream, { mode, name } = {}) =>
      client.post(`/agents/import${search({ mode, name })}`, {
        stream,
        headers: { "content-type": BUNDLE_TYPE },
      }),
    leave: (ref, body) => client.post(of(ref, "/leave"), { body }),
    async stay(ref, move, word) {
      try {
        return await client.post(of(ref, "/stay"), { body: { move, ...(word && { word }) } });
      } catch (error) {
        // A home that does not have the agent has no move of it to end.
        if (errorInfo(error).code !== "NOT_FOUND") throw error;
        return undefined;
      }
    },
    depart: (ref, body) => client.post(of(ref, "/depart"), { body }),
    arrive: (ref, body) => client.post(of(ref, "/arrive"), { body }),
  };
}

function remoteTokens(client: Client): RemoteTokens {
  return {
    create: (wanted) => client.post("/tokens", { body: wanted }),
    list: (query = {}) => client.page(`/tokens${search(query)}`),
    revoke: (id) => client.delete(`/tokens/${encodeURIComponent(id)}`),
  };
}

function remoteSecrets(client: Client): RemoteSecrets {
  const of = (name: string): string => `/secrets/${encodeURIComponent(name)}`;
  return {
    set: (name, value) => client.put(of(name), { body: { value } }),
    list: (query = {}) => client.page(`/secrets${search(query)}`),
    remove: (name) => client.delete(of(name)),
  };
}

function remoteSchedules(client: Client): RemoteSchedules {
  const of = (id: string, rest = ""): string => `/schedules/${encodeURIComponent(id)}${rest}`;
  return {
    create: (schedule) => client.post("/schedules", { body: schedule }),
    get: (id) => client.get(of(id)),
    list: (query = {}) => client.page(`/schedules${search(query)}`),
    update: (id, change, { ifMatch } = {}) =>
      client.patch(of(id), { body: change, headers: matching(ifMatch) }),
    remove: (id, { ifMatch } = {}) => client.delete(of(id), { headers: matching(ifMatch) }),
    pause: (id) => client.post(of(id, "/pause")),
    resume: (id) => client.post(of(id, "/resume")),
  };
}

function remoteWebhooks(client: Client): WebhookAdmin {
  const of = (id: string, rest = ""): string => `/webhooks/${encodeURIComponent(id)}${rest}`;
  return {
    create: (webhook) => client.post("/webhooks", { body: webhook }),
    get: (id) => client.get(of(id)),
    list: async () => (await client.page<Webhook>("/webhooks")).items,
    update: (id, change, { ifMatch } = {}) =>
      client.patch(of(id), { body: change, headers: matching(ifMatch) }),
    remove: (id, { ifMatch } = {}) => client.delete(of(id), { headers: matching(ifMatch) }),
    rotate: (id) => client.post(of(id, "/rotate")),
    ping: (id) => client.post(of(id, "/ping")),
    deliveries: async (id, limit) =>
      (await client.page<DeliveryInfo>(of(id, `/deliveries${search({ limit })}`))).items,
    redeliver: (id, delivery) =>
      client.post(of(id, `/deliveries/${encodeURIComponent(delivery)}/redeliver`)),
  };
}

/** What makes a query of an address; empty for nothing. */
function search(query: object): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined) params.set(key, String(value));
  }
  const text = params.toString();
  return text === "" ? "" : `?${text}`;
}

/** The header that asks for a revision, or for one of several. */
function matching(ifMatch: IfMatch | undefined): Record<string, string> {
  if (ifMatch === undefined) return {};
  const tags = [ifMatch].flat().map((revision) => etagOf({ revision }));
  // A weak tag is met by nothing, as no tag is.
  return { "if-match": tags.join(", ") || 'W/""' };
}
