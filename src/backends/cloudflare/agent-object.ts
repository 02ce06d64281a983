import type { ControlApp } from "../../control/app.ts";
import { HttpError, problemResponse } from "../../control/problem.ts";
import type { AgentRecord } from "../../core/agent.ts";
import { createRuntime } from "../../core/create-runtime.ts";
import type { RuntimeDefinition } from "../../core/definition.ts";
import type { Envelope } from "../../core/envelope.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import type { Signer } from "../../core/ports/index.ts";
import type { Runtime } from "../../core/runtime.ts";
import { agentMemory } from "../../memory/index.ts";
import { durableObjectStore } from "../../stores/durable-object.ts";
import type { DurableObjectStore } from "../../stores/durable-object.ts";
import { objectClock } from "./clock.ts";
import { objectCarrier } from "./carrier.ts";
import type { Directory } from "./directory.ts";
import type { AlarmInfo, Env, ObjectContext } from "./platform.ts";
import { statusReport } from "./status-report.ts";
import type { StatusReport } from "./status-report.ts";
import { answer, NOT_HERE } from "./wire.ts";

/** What agents' objects of one Worker share. */
export interface AgentHome {
  readonly definition: RuntimeDefinition;
  readonly api: ControlApp;
  readonly signer: Signer;
  readonly directory: Directory;
}

interface Open {
  readonly runtime: Runtime;
  readonly store: DurableObjectStore;
  readonly report: StatusReport;
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
    const { runtime, store, report } = await this.#start();
    const response = await this.#handle(request, { runtime, store });
    await report.send();
    return response;
  }

  async #handle(
    request: Request,
    { runtime, store }: Pick<Open, "runtime" | "store">,
  ): Promise<Response> {
    const called = await answer(request, {
      admit: (record: AgentRecord) => admit(runtime, record),
      deliver: async ({ mail, again }: { mail: readonly Envelope[]; again: boolean }) => {
        if (again) runtime.careful();
        return runtime.deliver(mail);
      },
      careful: async () => runtime.careful(),
    });
    if (called !== undefined) return called;
    const [, , ref = ""] = new URL(request.url).pathname.split("/");
    if ((await store.get(decodeURIComponent(ref))) === undefined) return notHere(ref);
    return this.#home.api.fetch(request, { home: runtime, runtime });
  }

  async alarm(info?: AlarmInfo): Promise<void> {
    const { runtime, store, report } = await this.#start();
    store.rang();
    if (info?.isRetry === true) runtime.careful();
    await runtime.takeUp();
    await runtime.settled();
    await report.send();
    await store.rest(Date.now());
  }

  #start(): Promise<Open> {
    return (this.#open ??= this.#make());
  }

  async #make(): Promise<Open> {
    const { definition, signer, directory } = this.#home;
    const { storage } = this.#context;
    const report = statusReport(await durableObjectStore(storage), storage.kv, directory);
    const { store } = report;
    const runtime = createRuntime({
      definition: { ...definition, ensure: [] },
      store,
      signer,
      memory: agentMemory,
      clock: objectClock(),
      carrier: objectCarrier(this.#env.AGENTS, directory),
      waker: { idle: () => void store.rest(Date.now()) },
      onProblem: (problem, error) => console.error(`${problem}:`, error),
    });
    await runtime.start();
    return { runtime, store, report };
  }
}

/** The answer to a request for an agent that this object does not have, or not by that name. */
function notHere(ref: string): Response {
  const error = new HttpError(404, "NOT_FOUND", `There is no agent "${ref}"`, { [NOT_HERE]: "1" });
  return problemResponse(error);
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
