import type { Peer } from "../core/ports/memory.ts";
import type { AgentInfo, RemoteRuntime } from "../core/runtime.ts";
import { createClient } from "./client.ts";
import type { Connection } from "./client.ts";

export type { Connection } from "./client.ts";
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
    const [after, limit] = range;
    return (await client.page<T>(of(ref, `/${what}?after=${after}&limit=${limit}`))).items;
  };
  return {
    create: (agent) => client.post("/agents", { body: agent }),
    get: (ref) => client.get(of(ref)),
    async list(query = {}) {
      const search = new URLSearchParams();
      for (const [key, value] of Object.entries(query)) {
        if (value !== undefined) search.set(key, String(value));
      }
      return client.page<AgentInfo>(`/agents?${search.toString()}`);
    },
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
    identity: () => client.get("/runtime/identity"),
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
  };
}
