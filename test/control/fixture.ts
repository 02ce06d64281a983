import { controlApi } from "../../src/control/api.ts";
import type { ControlApp, ControlOptions } from "../../src/control/api.ts";
import { bearerAccess } from "../../src/control/bearer-access.ts";
import type { ControlBindings } from "../../src/control/operation.ts";
import { createRuntime } from "../../src/core/create-runtime.ts";
import { defineAgent } from "../../src/core/definition.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";
import type { AgentDefinition } from "../../src/core/definition.ts";
import type { RuntimeDefinition } from "../../src/core/runtime-definition.ts";
import { TerminalError } from "../../src/core/errors.ts";
import type { Signer, TreeMaker } from "../../src/core/ports/index.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";
import { assertContract } from "./contract.ts";
import { treesOf } from "./file-tree.ts";
import { systemClock } from "../../src/core/system.ts";
import { scheduler } from "../../src/drivers/scheduler.ts";
import { agentMemory } from "../../src/memory/index.ts";
import { memoryHomeFiles, memoryStore } from "../../src/stores/memory.ts";

export const TOKEN = "a-token-for-these-tests";

const echo = defineAgent({
  name: "echo",
  state: { heard: 0 },
  async onMessage(ctx, message) {
    ctx.state.heard += 1;
    ctx.log.info("heard", { text: message.text });
    ctx.broadcast("heard", { total: ctx.state.heard });
    await ctx.reply({ echo: message.payload, from: message.from, source: message.source });
  },
});

const picky = defineAgent({
  name: "picky",
  inbox: { depth: 1, overflow: "reject-new" },
  onMessage(_ctx, message) {
    throw new TerminalError(`Cannot take ${message.text}`);
  },
});

const mute = defineAgent({
  name: "mute",
  inbox: { depth: 1, overflow: "reject-new" },
  onMessage: (ctx) =>
    new Promise((_resolve, reject) => {
      ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason as Error));
    }),
});

/** A problem document, or whatever else a response holds. */
export interface Body {
  readonly code?: string;
  readonly detail?: string;
  readonly status?: number | string;
  readonly [key: string]: unknown;
}

export interface Fixture {
  readonly api: {
    request(path: string, init?: RequestInit): Response | Promise<Response>;
    readonly routes: readonly { readonly method: string; readonly path: string }[];
  };
  /** The same, for a server. */
  readonly app: ControlApp;
  readonly runtime: Runtime;
  readonly definition: RuntimeDefinition;
  /** A request with the token; an object becomes a JSON body. */
  call(method: string, path: string, input?: CallInput): Promise<Response>;
  /** Its status and what it holds. */
  json(method: string, path: string, input?: CallInput): Promise<[number, Body]>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface CallInput {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** A started runtime on the memory store, behind its API. */
export async function fixture(
  options: Partial<ControlOptions> & {
    readonly signer?: Signer;
    /** Types beside the usual ones. */
    readonly agents?: readonly AgentDefinition[];
    readonly bindings?: Partial<ControlBindings>;
    /** The trees of its agents. Default: in memory. */
    readonly tree?: TreeMaker;
  } = {},
): Promise<Fixture> {
  const definition = defineRuntime({
    agents: [echo, picky, mute, ...(options.agents ?? [])],
    ensure: [{ name: "ada", type: "echo" }],
    limits: { envelopeBytes: 1000 },
  });
  const { signer = derivedSigner(newMnemonic()), tree = treesOf().tree } = options;
  const runtime = createRuntime({
    definition,
    store: memoryStore(),
    signer,
    memory: agentMemory,
    tree,
  });
  await runtime.start();
  const schedules = scheduler({
    files: memoryHomeFiles(),
    clock: systemClock,
    deliver: (mail) => runtime.accept(mail),
  });
  const app = controlApi({
    access: bearerAccess({ token: TOKEN }),
    limits: definition.limits,
    version: "1.2.3",
    types: [...definition.agents.keys()],
    ...options,
  });
  const api = {
    routes: app.routes,
    request: (path: string, init?: RequestInit) =>
      app.request(path, init, { home: runtime, runtime, schedules, ...options.bindings }),
  };
  const call = async (method: string, path: string, input: CallInput = {}): Promise<Response> => {
    const headers: Record<string, string> = { authorization: `Bearer ${TOKEN}`, ...input.headers };
    const init: RequestInit = { method, headers };
    if (typeof input.body === "string") init.body = input.body;
    else if (input.body !== undefined) {
      init.body = JSON.stringify(input.body);
      headers["content-type"] ??= "application/json";
    }
    const response = await api.request(path, init);
    await assertContract(method, path, response);
    return response;
  };
  return {
    api,
    app,
    runtime,
    definition,
    call,
    async json(method, path, input) {
      const response = await call(method, path, input);
      const text = await response.text();
      return [response.status, (text === "" ? {} : JSON.parse(text)) as Body];
    },
    [Symbol.asyncDispose]: () => runtime.stop(0),
  };
}
