import { controlApi } from "../control/api.ts";
import { gatewayApi } from "../control/gateway.ts";
import { bearerAccess, gatewayAccess } from "../control/bearer-access.ts";
import type { HookPorts } from "../control/hook-routes.ts";
import { plumbedSink } from "../control/plumbed.ts";
import { httpForwarder } from "../control/forwarder.ts";
import { problemResponse } from "../control/problem.ts";
import { idempotency } from "../control/idempotency.ts";
import type { ControlBindings } from "../control/operation.ts";
import { mailLimit } from "../control/mail.ts";
import { rateLimit } from "../control/rate-limit.ts";
import { sendersOf } from "../control/signed-mail.ts";
import { tokenStanding } from "../control/standing.ts";
import type { Guard } from "../control/standing.ts";
import { rememberedSecrets, secretSource, storedSecrets } from "../control/secrets.ts";
import { rememberedTokens, storedTokens } from "../control/tokens.ts";
import { declaredSecrets, redactor, secretVariables } from "../control/redact.ts";
import { tracingRequests } from "../control/request-observer.ts";
import { revisedBy } from "../core/code-revision.ts";
import type { RuntimeDefinition } from "../core/definition.ts";
import { fileBrake } from "../core/brake.ts";
import { OpenAgentsError } from "../core/errors.ts";
import { otlpSettings } from "../core/otlp-settings.ts";
import { systemClock, systemRandom } from "../core/system.ts";
import { PACKAGE_VERSION } from "../core/version.ts";
import { plumberOf } from "../drivers/plumber.ts";
import { knownVariables } from "../models/known-secrets.ts";
import type { McpClient } from "../mounts/mcp/parts.ts";
import { derivedSigner } from "../identity/derived-signer.ts";
import { HttpTokens } from "../identity/nip98.ts";
import { nobleSecp } from "../identity/secp.ts";
import type { Secp } from "../identity/secp.ts";
import { AgentHost } from "./cloudflare/agent-object.ts";
import type { AgentHome } from "./cloudflare/agent-object.ts";
import { DirectoryShard } from "./cloudflare/directory-object.ts";
import { Directory } from "./cloudflare/directory.ts";
import { eventNotes } from "./cloudflare/event-notes.ts";
import { passTo } from "./cloudflare/gateway.ts";
import { homeCalls } from "./cloudflare/home-calls.ts";
import { HomeHost } from "./cloudflare/home-object.ts";
import { WorkerHome } from "./cloudflare/home.ts";
import { otlpTracer } from "./cloudflare/otlp.ts";
import { problemLog } from "./cloudflare/problem-log.ts";
import { RelayHost } from "./cloudflare/relay-object.ts";
import type { RelayPolicy } from "./cloudflare/relay-object.ts";
import { remoteMail } from "./cloudflare/remote-mail.ts";
import { driverSink } from "./cloudflare/sink.ts";
import { relaysOf } from "./cloudflare/relays.ts";
import type { Env, ObjectContext, WorkerContext } from "./cloudflare/platform.ts";

export type { RelayPolicy } from "./cloudflare/relay-object.ts";
export type { Env } from "./cloudflare/platform.ts";

export interface CloudflareOptions {
  /**
   * Over how many objects the names of agents are spread. Default 16, which is good for some ten
   * thousand new agents a second. It cannot be changed once there are agents.
   */
  readonly shards?: number;
  /**
   * Which code this is, for agents whose definition has no `revision`. Default: the id of the deployment,
   * where the Worker has the binding `CF_VERSION_METADATA`; without it their hooks' own sources alone say.
   */
  readonly revision?: string;
  /** Default: that of this package. */
  readonly version?: string;
  /** The curve of the agents' keys. Default `nobleSecp`; `wasmSecp` says how to have the fast one. */
  readonly secp?: Secp;
  /** Origins of browsers' pages, beside the Worker's own, that may use the API (CORS, and WebSockets). */
  readonly origins?: readonly string[];
  /** When the relays of the definition are connected. */
  readonly relays?: RelayPolicy;
  /** By which servers of tools (MCP) are used. Default: they cannot be; `mcpClient` says how they can. */
  readonly mcp?: McpClient;
}

/** What a Worker's entry exports: the classes by name, and the handler as its default. */
export interface CloudflareWorker {
  /** One agent; bind it as `AGENTS`, with SQLite. */
  readonly AgentObject: new (context: ObjectContext, env: Env) => AgentHost;
  /** One shard of the directory; bind it as `DIRECTORY`, with SQLite. */
  readonly DirectoryObject: new (context: ObjectContext, env: Env) => DirectoryShard;
  /** The relays; bind it as `RELAYS`, with SQLite, for agents that are to be on Nostr. */
  readonly RelayObject: new (context: ObjectContext, env: Env) => RelayHost;
  /** What is no agent's, such as schedules; bind it as `HOME`, with SQLite, for those. */
  readonly HomeObject: new (context: ObjectContext, env: Env) => HomeHost;
  readonly handler: {
    fetch(request: Request, env: Env, context: WorkerContext): Promise<Response>;
  };
}

/**
 * The agents of a definition as a Worker, each in a Durable Object of its own:
 *
 * ```ts
 * export const { AgentObject, DirectoryObject, RelayObject, HomeObject, handler } =
 *   cloudflare(runtime);
 * export default handler;
 * ```
 *
 * Needs the secrets `OPENAGENTS_TOKEN` and `OPENAGENTS_MNEMONIC`. `definition.store` is not used:
 * each object has a store of its own. `ensure` names agents that are made when they are first asked for.
 */
export function cloudflare(
  definition: RuntimeDefinition,
  options: CloudflareOptions = {},
): CloudflareWorker {
  const { shards = 16, version = PACKAGE_VERSION, secp = nobleSecp, origins = [] } = options;
  const types: ReadonlySet<string> = new Set(definition.agents.keys());

  const signerOf = once((env: Env) => derivedSigner(secret(env, "OPENAGENTS_MNEMONIC"), { secp }));
  // Once for each isolate: its environment does not change.
  const watch = once((env: Env) => {
    const variables = secretVariables({ ...env }, declaredSecrets(definition));
    const { text: redact, learn: redactMore } = redactor(variables.map(([, value]) => value));
    const known = knownVariables(variables);
    const learn = (value: string, name: string): void => {
      redactMore(value);
      known.learn(value, name);
    };
    const settings = otlpSettings(definition.telemetry, { ...env });
    const tracing = settings && otlpTracer({ ...settings, version, redact });
    const observer = tracing && tracingRequests(tracing.tracer);
    const log = problemLog(redact);
    const onError = (error: unknown): void => log("Cannot answer request", error);
    return { tracing, log, learn, known, api: { redact, observer, onError } };
  });
  // What is stored is opened here: from the home's object it comes as it is sealed.
  const secrets = once((env: Env) => {
    const { learn } = watch(env);
    const signer = signerOf(env);
    const files = env.HOME && homeCalls(env.HOME).files;
    const clock = systemClock;
    const stored =
      files && rememberedSecrets(storedSecrets({ files, clock, signer, learn }), clock);
    return { stored, source: secretSource({ stored, env: { ...env }, learn }) };
  });
  const home = once((env: Env): AgentHome & { readonly whole: WorkerHome } => {
    const signer = signerOf(env);
    const directory = new Directory(env.DIRECTORY, { shards, ensure: definition.ensure });
    const files = env.HOME && homeCalls(env.HOME).files;
    const guard: Guard = {
      stillGood: files && tokenStanding({ files, clock: systemClock }),
      rates: rateLimit(systemClock),
    };
    const api = controlApi({
      access: gatewayAccess,
      stillGood: guard.stillGood,
      senders: sendersOf(definition),
      limits: definition.limits,
      version,
      types: [...types],
      origins,
      ...watch(env).api,
    });
    const forwarder = httpForwarder({ clock: systemClock });
    // Without the binding, or relays to connect to, nobody needs to know of them.
    const has = env.RELAYS !== undefined && definition.relays.length > 0;
    const relays = has ? relaysOf(env.RELAYS) : undefined;
    const brake =
      env.HOME === undefined
        ? undefined
        : fileBrake({ ...BRAKE, files: homeCalls(env.HOME).files, clock: systemClock });
    const { tracing, log, known: knownSecrets } = watch(env);
    const whole = new WorkerHome({ agents: env.AGENTS, directory, signer, brake, log });
    const notes = env.HOME && eventNotes((ticks) => homeCalls(env.HOME!).notice(ticks));
    const known = { definition, directory, relays, signer, brake, notes, guard, version, log };
    const { source } = secrets(env);
    const code = options.revision ?? env.CF_VERSION_METADATA?.id;
    const revised = code === undefined ? definition : revisedBy(definition, code);
    return {
      ...known,
      definition: revised,
      api,
      forwarder,
      tracing,
      secrets: source,
      knownSecrets,
      whole,
      mcp: options.mcp,
    };
  });
  const kept = once((env: Env): Omit<ControlBindings, "home"> => {
    if (env.HOME === undefined) return {};
    const { files, schedules } = homeCalls(env.HOME);
    const stored = storedTokens({ files, clock: systemClock, random: systemRandom });
    const tokens = rememberedTokens(stored, systemClock);
    return {
      schedules,
      tokens,
      secrets: secrets(env).stored,
      idempotency: idempotency({ files, clock: systemClock, lease: LEASE }),
    };
  });
  // The first request to each isolate, so also the first after a deployment, has the relays look.
  let woken = false;
  const gateway = once((env: Env) =>
    gatewayApi(
      {
        access: bearerAccess({ token: secret(env, "OPENAGENTS_TOKEN"), tokens: kept(env).tokens }),
        rates: rateLimit(systemClock),
        signed: {
          tokens: new HttpTokens({ clock: systemClock, secp }),
          // The platform gives a Worker no request for another host than its own.
          address: (url) => url,
          bodyLimit: mailLimit(definition.limits.envelopeBytes),
        },
        limits: definition.limits,
        version,
        types: [...types],
        origins,
        hooks: hooksOf(env),
        webhooks: env.HOME && homeCalls(env.HOME).webhooks,
        ...watch(env).api,
      },
      passTo({ agents: env.AGENTS, directory: home(env).directory }),
    ),
  );
  const hooksOf = (env: Env): HookPorts => {
    const to = { agents: env.AGENTS, directory: home(env).directory };
    const [deliver, forward] = [driverSink(to), passTo(to)];
    return {
      hooks: definition.hooks,
      secrets: secrets(env).source,
      clock: systemClock,
      random: systemRandom,
      sink: plumbedSink(plumberOf(definition), remoteMail({ deliver, forward })),
    };
  };

  return {
    AgentObject: class extends AgentHost {
      constructor(context: ObjectContext, env: Env) {
        super(context, env, home(env));
      }
    },
    DirectoryObject: class extends DirectoryShard {
      constructor(context: ObjectContext, env: Env) {
        super(context, env, { signer: home(env).signer, types });
      }
    },
    RelayObject: class extends RelayHost {
      constructor(context: ObjectContext, env: Env) {
        const { signer, directory } = home(env);
        const policy = options.relays ?? {};
        super(context, env, { definition, signer, directory, secp, policy });
      }
    },
    HomeObject: class extends HomeHost {
      constructor(context: ObjectContext, env: Env) {
        super(context, env, home(env));
      }
    },
    handler: {
      async fetch(request, env, context) {
        try {
          const { relays } = home(env);
          if (!woken) context.waitUntil(relays?.wake().catch(() => undefined) ?? Promise.resolve());
          woken = true;
          const { whole } = home(env);
          const response = await gateway(env).fetch(request, { home: whole, ...kept(env) });
          const { tracing } = watch(env);
          if (tracing !== undefined) context.waitUntil(tracing.flush());
          return response;
        } catch (error) {
          return problemResponse(error);
        }
      },
    },
  };
}

/** How long it is remembered whether all ticks are stopped, and after how long agents look again, ms. */
const BRAKE = { fresh: 3_000, again: 10_000 } as const;

/** For how long a request under a key is taken to be done after its isolate was last heard of, ms. */
const LEASE = 10_000;

function once<A, T>(make: (input: A) => T): (input: A) => T {
  let made: { readonly value: T } | undefined;
  return (input) => (made ??= { value: make(input) }).value;
}

/** @throws CONFIG saying how to set it */
function secret(env: Env, name: "OPENAGENTS_TOKEN" | "OPENAGENTS_MNEMONIC"): string {
  const value = env[name];
  if (typeof value === "string" && value !== "") return value;
  throw new OpenAgentsError(
    "CONFIG",
    `Cannot serve: the secret ${name} is not set, set it with "npx wrangler secret put ${name}"`,
  );
}
