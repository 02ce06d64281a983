import type { Page } from "../core/ports/index.ts";
import type { Peer } from "../core/ports/memory.ts";
import type { AgentInfo, RemoteRuntime } from "../core/runtime.ts";
import { BUNDLE_TYPE } from "../core/bundle/manifest.ts";
import { errorInfo } from "../core/errors.ts";
import { createClient } from "./client.ts";
import type { Connection } from "./client.ts";

export { agentSocket } from "./agent-socket.ts";
export type { AgentSocket, AgentSocketOptions, SocketMail } from "./agent-socket.ts";
export type { Connection } from "./client.ts";
export { moveAgent } from "./move-agent.ts";
export type { MoveHomes, MoveOptions, MoveResult, MoveStep, MovingHome } from "./move-agent.ts";
export type { EventFrame } from "./socket-frames.ts";
export type { EventName } from "./tick-events.ts";
export type { RemoteRuntime } from "../core/runtime.ts";

/**
 * A runtime behind its control API, on any backend. What the runtime refuses comes as the same error,
 * and UNREACHABLE when nothing answers; a send that ended so may have arrived, and is safe to send
 * again under the same id.
 */
export function remoteRuntime(connection: Connection): RemoteRuntime {
  const client = createClient(connection);
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
  const search = (query: object): string => {
    const params = new URLSearchParams();
    for (const [key, value] of Object.entries(query)) {
      if (value !== undefined) params.set(key, String(value));
    }
    const text = params.toString();
    return text === "" ? "" : `?${text}`;
  };
  return {
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
