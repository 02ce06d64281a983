import { NOT_HERE } from "../../control/gateway.ts";
import type { ControlApp } from "../../control/api.ts";
import { unauthorized } from "../../control/access.ts";
import { HttpError, problemResponse } from "../../control/problem.ts";
import type { Guard } from "../../control/standing.ts";
import type { AgentRecord } from "../../core/agent.ts";
import { createRuntime } from "../../core/create-runtime.ts";
import type { RuntimeDefinition } from "../../core/runtime-definition.ts";
import type { Envelope } from "../../core/envelope.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import { factotum } from "../../core/factotum.ts";
import type { Factotum } from "../../core/factotum.ts";
import type { SetAside } from "../../core/move.ts";
import type { Brake, Forwarder, SecretSource, Signer } from "../../core/ports/index.ts";
import type { Runtime } from "../../core/runtime.ts";
import { domainNames } from "../../identity/domain-names.ts";
import type { McpClient } from "../../mounts/mcp/parts.ts";
import { agentMemory } from "../../memory/index.ts";
import type { KnownSecrets } from "../../models/known-secrets.ts";
import { modelThinker } from "../../models/index.ts";
import { durableObjectStore } from "../../stores/durable-object.ts";
import type { DurableObjectStore } from "../../stores/durable-object.ts";
import { objectTrees } from "./agent-trees.ts";
import { objectClock } from "./clock.ts";
import { objectCarrier } from "./carrier.ts";
import type { Presence } from "./directory-object.ts";
import type { Directory } from "./directory.ts";
import type { EventNotes } from "./event-notes.ts";
import type { WorkerTracer } from "./otlp.ts";
import { objectNursery } from "./nursery.ts";
import { posting, tellingRelays } from "./relays.ts";
import type { Arrival, Relays } from "./relays.ts";
import { objectServers } from "./mcp.ts";
import { closeGone, closeSocket, ObjectSockets } from "./object-sockets.ts";
import type { AlarmInfo, Env, HibernatingSocket, ObjectContext } from "./platform.ts";
import type { ProblemLog } from "./problem-log.ts";
import { statusReport } from "./status-report.ts";
import type { StatusReport } from "./status-report.ts";
import { answer, isCall, methodOf } from "./wire.ts";
import type { Methods } from "./wire.ts";

/** What agents' objects of one Worker share. */
export interface AgentHome {
  readonly definition: RuntimeDefinition;
  readonly api: ControlApp;
  readonly signer: Signer;
  readonly directory: Directory;
  /** The object of the relays; undefined where the Worker has none. */
  readonly relays: Relays | undefined;
  readonly forwarder: Forwarder;
  /** Stops all ticks; undefined where the Worker has no object for the home. */
  readonly brake: Brake | undefined;
  /** The secrets of the home, and the Worker's own. */
  readonly secrets: SecretSource;
  /** Those that are taken out of what tools give and models say. */
  readonly knownSecrets: KnownSecrets;
  /** Whom ticks are told of for webhooks; undefined where the Worker has none. */
  readonly notes: EventNotes | undefined;
  /** Undefined where traces go nowhere. */
  readonly tracing: WorkerTracer | undefined;
  /** Looks after the rights of those whose connections stay open. */
  readonly guard: Guard;
  readonly log: ProblemLog;
  /** By which servers of tools are used; undefined where the Worker was given none. */
  readonly mcp: McpClient | undefined;
  readonly version: string;
}

interface Open {
  readonly runtime: Runtime;
  readonly signer: Factotum;
  readonly store: DurableObjectStore;
  readonly report: StatusReport;
  readonly sockets: ObjectSockets;
}

/**
 * One agent, in a Durable Object: a whole runtime that has only this agent, over the object's own
 * storage, with the same control API as anywhere. Its alarm wakes it for whatever is due by time, and
 * for work that an object that ended left undone.
 */
export class AgentHost {
  readonly #context: ObjectContext;
  readonly #env: Env;
  readonly #home: AgentHome;
  #open: Promise<Open> | undefined;

  constructor(context: ObjectContext, env: Env, home: AgentHome) {
    this.#context = context;
    this.#env = env;
    this.#home = home;
  }

  async fetch(request: Request): Promise<Response> {
    if (this.#open === undefined && this.#isEmpty()) {
      // Whoever asks for nobody leaves nothing behind.
      if (!isCall(request)) return notHere(request, "empty");
      if (!BIRTHS.has(methodOf(request))) return (await answer(request, NOBODY))!;
    }
    const open = await this.#start();
    const response = await this.#handle(request, open);
    // The directory asks how the agent is while it is told of it, and must not wait for its own answer.
    if (!isCall(request) || !ASKED.has(methodOf(request))) await open.report.send();
    this.#exportSpans();
    return response;
  }

  async #handle(
    request: Request,
    { runtime, signer, store, report, sockets }: Open,
  ): Promise<Response> {
    const called = await answer(request, {
      admit: (record: AgentRecord) => admit(runtime, record),
      deliver: async ({ mail, again }: { mail: readonly Envelope[]; again: boolean }) => {
        if (again) runtime.careful();
        return runtime.deliver(mail);
      },
      accept: async ({ mail, uses, again }: Arrival) => {
        if (again) runtime.careful();
        const agent = await self(store);
        if (agent !== undefined) signer.keepUses(agent, uses);
        return runtime.accept(mail);
      },
      careful: async () => runtime.careful(),
      record: () => self(store),
      presence: () => report.presence(),
      import: (input: SetAside, bundle) => runtime.import(bundle, input),
    });
    if (called !== undefined) return called;
    if ((await store.get(refOf(request))) === undefined) {
      // One that ended in the middle of its agent's birth has tables, and never had an agent.
      const { empty } = await report.presence();
      return notHere(request, empty ? "empty" : "1");
    }
    const { accept } = sockets;
    return this.#home.api.fetch(request, { home: runtime, runtime, accept });
  }

  async alarm(info?: AlarmInfo): Promise<void> {
    const { runtime, store, report } = await this.#start();
    store.rang();
    if (info?.isRetry === true) runtime.careful();
    await runtime.takeUp();
    await runtime.settled();
    await report.send();
    await store.rest(Date.now());
    this.#exportSpans();
  }

  async webSocketMessage(socket: HibernatingSocket, data: unknown): Promise<void> {
    if (this.#open === undefined && this.#isEmpty()) return closeGone(socket);
    const { sockets } = await this.#start();
    sockets.receive(socket, data);
  }

  async webSocketClose(socket: HibernatingSocket): Promise<void> {
    // Nobody is woken by a client that leaves.
    (await this.#open)?.sockets.end(socket);
    closeSocket(socket, 1000, "");
  }

  async webSocketError(socket: HibernatingSocket): Promise<void> {
    await this.webSocketClose(socket);
  }

  #start(): Promise<Open> {
    this.#open ??= this.#make().catch((error: unknown) => {
      // What failed may pass: the next request, or the alarm that is tried again, opens it anew.
      this.#open = undefined;
      throw error;
    });
    return this.#open;
  }

  async #make(): Promise<Open> {
    const { definition, directory, relays } = this.#home;
    const { storage } = this.#context;
    const listeners = relays === undefined ? directory : tellingRelays(directory, relays);
    const report = statusReport(await durableObjectStore(storage), storage.kv, {
      directory: listeners,
      log: this.#home.log,
    });
    const { store } = report;
    const clock = objectClock();
    // Shared with what the relays use the agent's key for, which is on its record too.
    const signer = factotum(this.#home.signer, clock);
    const runtime = createRuntime({
      definition: { ...definition, ensure: [] },
      store,
      signer,
      memory: agentMemory,
      thinker: modelThinker({ known: this.#home.knownSecrets }),
      tree: objectTrees({
        agents: this.#env.AGENTS,
        directory,
        clock,
        mcp: objectServers({ ...this.#home, clock }),
      }),
      names: domainNames,
      clock,
      carrier: objectCarrier({
        agents: this.#env.AGENTS,
        directory,
        post: relays && posting(relays, { store, signer }),
      }),
      ...(relays !== undefined && {
        onSettled: (agent: AgentRecord) =>
          // One that could not be told of is found in the directory.
          this.#context.waitUntil(relays.settle(agent).catch(() => undefined)),
      }),
      registry: report.registry,
      nursery: objectNursery({ agents: this.#env.AGENTS, directory }),
      ...(this.#home.brake !== undefined && { brake: this.#home.brake }),
      forwarder: this.#home.forwarder,
      tracer: this.#home.tracing?.tracer,
      secrets: this.#home.secrets,
      waker: {
        idle: () => {
          void store.rest(Date.now());
          // What happened by a timer has no request that would tell of it.
          void report.send();
          this.#exportSpans();
        },
        remind: (about, at) => store.remind(about, at),
      },
      version: this.#home.version,
      onProblem: this.#home.log,
    });
    const notes = this.#home.notes?.agent();
    if (notes !== undefined) {
      runtime.watch(undefined, ({ agent, record, output }) => {
        const { id, name, type, labels } = agent;
        const noted = notes.add({ agent: { id, name, type, labels }, record, output });
        this.#context.waitUntil(
          noted.catch((error: unknown) => this.#home.log("Cannot tell of a tick", error)),
        );
      });
    }
    await runtime.start();
    const sockets = new ObjectSockets(this.#context, runtime, this.#home.guard);
    return { runtime, signer, store, report, sockets };
  }

  #exportSpans(): void {
    const { tracing } = this.#home;
    if (tracing !== undefined) this.#context.waitUntil(tracing.flush());
  }

  /** True when nothing was ever stored here. */
  #isEmpty(): boolean {
    const query = "SELECT 1 FROM sqlite_schema WHERE name NOT GLOB '_cf_*' LIMIT 1";
    return this.#context.storage.sql.exec(query).toArray().length === 0;
  }
}

/** By which an agent comes to an object that never had one. */
const BIRTHS: ReadonlySet<string> = new Set(["admit", "import"]);

/** By which nothing of an agent changes. */
const ASKED: ReadonlySet<string> = new Set(["careful", "record", "presence"]);

/** How an object answers that never had an agent. */
const NOBODY: Methods = {
  presence: async (): Promise<Presence> => ({ empty: true }),
  careful: async () => undefined,
  record: async () => null,
  accept: nobody,
  deliver: nobody,
};

async function nobody(): Promise<never> {
  throw new OpenAgentsError("NOT_FOUND", "Nobody was ever here");
}

/** The agent that a store of one has. */
async function self(store: DurableObjectStore): Promise<AgentRecord | undefined> {
  return (await store.list({ limit: 1 })).items[0];
}

/** What a request names the agent by that it is about. */
function refOf({ url }: Request): string {
  const [, ref = ""] = /^(?:\/fs)?\/[^/]*\/([^/]*)/.exec(new URL(url).pathname) ?? [];
  return decodeURIComponent(ref);
}

/** The answer to a request for an agent that this object does not have, or not by that name. */
function notHere(request: Request, why: "empty" | "1"): Response {
  // Mail that is passed on comes from whoever says so: that nobody is here is told to no stranger.
  if (/^\/agents\/[^/]+\/mail$/.test(new URL(request.url).pathname)) {
    return problemResponse(unauthorized("Cannot let in: no ticket is right"));
  }
  const problem = `There is no agent "${refOf(request)}"`;
  return problemResponse(new HttpError(404, "NOT_FOUND", problem, { [NOT_HERE]: why }));
}

/** Takes an agent in; false when it was here before. */
async function admit(runtime: Runtime, record: AgentRecord): Promise<boolean> {
  try {
    await runtime.admit(record);
    return true;
  } catch (error) {
    if (error instanceof OpenAgentsError && error.code === "EXISTS") return false;
    throw error;
  }
}
