import { closeSync, openSync } from "node:fs";
import type { RuntimeDefinition } from "../core/runtime-definition.ts";
import type { DraftSink } from "../core/draft-envelope.ts";
import type { Tracer } from "../core/ports/index.ts";
import type { Runtime } from "../core/runtime.ts";
import { controlApi } from "../control/api.ts";
import { plumbedReceipts, plumbedSink } from "../control/plumbed.ts";
import type { BodyPace } from "../control/body.ts";
import { bearerAccess } from "../control/bearer-access.ts";
import { httpForwarder } from "../control/forwarder.ts";
import { idempotency } from "../control/idempotency.ts";
import { mailLimit } from "../control/mail.ts";
import { rateLimit } from "../control/rate-limit.ts";
import { sendersOf } from "../control/signed-mail.ts";
import { tokenStanding } from "../control/standing.ts";
import { secretSource, storedSecrets } from "../control/secrets.ts";
import { storedTokens } from "../control/tokens.ts";
import { declaredSecrets, redactor, secretVariables } from "../control/redact.ts";
import { observers, tracingRequests } from "../control/request-observer.ts";
import type { RequestObserver } from "../control/request-observer.ts";
import type { Json } from "../core/json.ts";
import type { FuseMount } from "../mounts/fuse.ts";
import { fileBrake } from "../core/brake.ts";
import { createRuntime } from "../core/create-runtime.ts";
import { OpenAgentsError } from "../core/errors.ts";
import { factotum } from "../core/factotum.ts";
import { otlpSettings } from "../core/otlp-settings.ts";
import type { SpanCounts } from "../core/span-queue.ts";
import { systemClock, systemRandom } from "../core/system.ts";
import { PACKAGE_VERSION } from "../core/version.ts";
import type { NostrMetrics } from "../drivers/nostr.ts";
import { scheduler } from "../drivers/scheduler.ts";
import type { Schedules } from "../drivers/scheduler.ts";
import { plumb, plumberOf } from "../drivers/plumber.ts";
import { domainNames } from "../identity/domain-names.ts";
import { HttpTokens } from "../identity/nip98.ts";
import { nobleSecp } from "../identity/secp.ts";
import { loadWasmSecp } from "../identity/secp-wasm.ts";
import { agentMemory } from "../memory/index.ts";
import { modelThinker } from "../models/index.ts";
import { knownVariables } from "../models/known-secrets.ts";
import { Secrets } from "../models/secrets.ts";
import { secretProblems } from "../drivers/webhook.ts";
import { sqlite, sqliteHomeFiles } from "../stores/sqlite.ts";
import { agentTrees } from "./local/agent-trees.ts";
import { agentSockets } from "./local/agent-sockets.ts";
import { clientAddress } from "./local/client-address.ts";
import type { DataDir } from "./local/data-dir.ts";
import { loadToken, openDataDir } from "./local/data-dir.ts";
import { listen } from "./local/http-server.ts";
import type { HttpLimits } from "./local/http-server.ts";
import { otelTracer } from "./local/otel.ts";
import { isLoopback } from "./local/loopback.ts";
import { plumberFile } from "./local/plumber-file.ts";
import type { PlumberFile } from "./local/plumber-file.ts";
import { localRelays } from "./local/relays.ts";
import { openSigner } from "./local/signer.ts";
import type { TlsFiles } from "./local/tls.ts";
import { localWebhooks } from "./local/webhooks.ts";
import { watchEventLoop } from "./local/watchdog.ts";

export type { DataDir } from "./local/data-dir.ts";
export { openDataDir } from "./local/data-dir.ts";

/** What the local backend needs. */
export interface LocalOptions {
  readonly definition: RuntimeDefinition;
  /** A directory to take hold of, or one that is held already and passes into this one's care. */
  readonly data: string | DataDir;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 4600; 0 for any free port. */
  readonly port?: number;
  /**
   * Seals the master key at rest. Default: it is kept plain, mode 0600; one that is sealed already stays
   * locked, and what needs a key waits, until `Runtime.unlock`.
   */
  readonly passphrase?: string | undefined;
  /**
   * How long agent code may block the event loop, in ms, before the process ends itself; 0 for no
   * limit. Default 0: it is for processes that do nothing else.
   */
  readonly blockLimit?: number;
  /** Origins of browsers' pages that may use the API (CORS, and WebSockets). Default: none but the API's own. */
  readonly origins?: readonly string[];
  /** The address that clients know the API by, where a proxy stands before it: signed requests name it. */
  readonly publicUrl?: string | undefined;
  /** The certificate by which the API speaks TLS. Default: it does not. */
  readonly tls?: TlsFiles | undefined;
  /** What the server takes from its clients. Default `HTTP_LIMITS`. */
  readonly http?: Partial<HttpLimits> | undefined;
  /** How long the body of a request may take to come; bundles mind their own. Default 30 s. */
  readonly bodyPace?: BodyPace | undefined;
  /** Nostr relays beside those of the definition. */
  readonly relays?: readonly string[];
  /**
   * A file of rules of the plumber, in place of those of the definition; it is followed. Default: those
   * of the definition.
   */
  readonly plumb?: string | undefined;
  /** An empty directory of this machine on which the home is mounted as files (Linux). Default: none. */
  readonly mount?: string | undefined;
  /** Directories of this machine of which agents' mounts may be. Default: none. */
  readonly hostDirs?: readonly string[] | undefined;
  /** Agents' mounts may be of addresses in private networks. Default false. */
  readonly allowPrivateMounts?: boolean;
  /** Webhooks may go to addresses in private networks. Default false. */
  readonly allowPrivateWebhooks?: boolean;
  /** Default: that of this package. */
  readonly version?: string;
  /** Told of what an operator should know. Default: nobody. */
  readonly warn?: (text: string) => void;
  /** Told of each request to the control API. Default: nobody. */
  readonly observer?: RequestObserver | undefined;
  /**
   * Variables: those of OpenTelemetry, which say where traces go, and the secrets of hooks, models and tools by
   * their names, where none of that name is stored. Default: none.
   */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Told of each secret before anybody is given it, so that whoever logs can leave it out. Default: nobody. */
  readonly onSecret?: ((value: string) => void) | undefined;
}

/** A runtime on this machine, with its control API listening. */
export interface LocalRuntime {
  readonly url: string;
  readonly token: string;
  readonly dataDir: string;
  /** The real path of the directory on which it is mounted. */
  readonly mountedOn: string | undefined;
  readonly runtime: Runtime;
  /** What is sent to agents by time. */
  readonly schedules: Schedules;
  /** Takes in what a driver made of something outside, by the rules. */
  readonly plumb: DraftSink;
  /** How it is with relays; undefined when there are none. */
  readonly relays: (() => NostrMetrics) | undefined;
  /** What became of spans; undefined when none are made. */
  readonly spans: (() => SpanCounts) | undefined;
  /** Reads the files of the certificate again, for connections to come. @throws CONFIG, and keeps the old one */
  renewTls(): void;
  /** Lets running ticks end for `grace` ms (default 10,000) and lets go of all. Idempotent. */
  stop(grace?: number): Promise<void>;
}

const CLOSE_GRACE = 1000;
/** How long the last spans may take on their way, ms. */
const SPAN_GRACE = 2000;

/**
 * Starts the agents of a definition on this machine: keys and store in the data directory, the
 * control API on loopback. When it throws, nothing is left running or held.
 * @throws BUSY when the directory or the port is in use; DENIED for a wrong passphrase or no right
 */
export async function startLocal(options: LocalOptions): Promise<LocalRuntime> {
  const { definition, warn = () => {}, host = "127.0.0.1", port = 4600 } = options;
  const { version = PACKAGE_VERSION } = options;
  const undo: (() => unknown)[] = [];
  try {
    const data = typeof options.data === "string" ? openDataDir(options.data, warn) : options.data;
    undo.push(() => data.release());
    const token = loadToken(data);
    const variables = secretVariables(options.env ?? {}, declaredSecrets(definition));
    const own = { OPENAGENTS_TOKEN: token, OPENAGENTS_PASSPHRASE: options.passphrase };
    const given = variables.map(([, value]) => value);
    const { text: redact, learn: redactMore } = redactor([...Object.values(own), ...given]);
    const known = knownVariables([...variables, ...Object.entries(own)]);
    const learn = (value: string, name: string): void => {
      redactMore(value);
      known.learn(value, name);
      options.onSecret?.(value);
    };
    const settings = otlpSettings(definition.telemetry, options.env);
    const tracing = settings && (await otelTracer({ ...settings, version, redact }));
    undo.push(() => tracing?.stop(0));
    const store = definition.store ?? sqlite(privateFile(data.file("store")));
    undo.push(() => store.close());
    const secp = (await loadWasmSecp()) ?? nobleSecp;
    const { passphrase } = options;
    const keys = await openSigner({ store, path: data.file("keys"), passphrase, secp, warn });
    const [clock, random] = [systemClock, systemRandom];
    // Shared, so that what the relays use agents' keys for is on the agents' records too.
    const signer = factotum(keys, clock);
    const urls = [...(definition.relays ?? []), ...(options.relays ?? [])];
    const file = data.file("relays");
    const rules = openPlumber(options);
    undo.push(() => rules.stop());
    const relays =
      urls.length === 0
        ? undefined
        : localRelays({ relays: urls, definition, store, signer, secp, clock, random, file, warn });
    undo.push(() => relays?.stop());
    const files = sqliteHomeFiles(privateFile(data.file("home")));
    undo.push(() => files.close());
    const stored = storedSecrets({ files, clock, signer, learn });
    const secrets = secretSource({ stored, env: options.env ?? {}, learn });
    const trees = agentTrees({
      runtime: () => runtime,
      clock,
      hostDirs: options.hostDirs ?? [],
      allowPrivate: options.allowPrivateMounts === true,
      mcp: definition.mcp,
      mcpParts: {
        limits: definition.limits,
        secrets: () => new Secrets(secrets, known),
        log: (text) => warn(redact(text)),
        version,
      },
    });
    undo.push(() => trees.close());
    const runtime: Runtime = createRuntime({
      definition,
      store,
      signer,
      memory: agentMemory,
      tree: trees.tree,
      thinker: modelThinker({ known }),
      names: domainNames,
      clock,
      random,
      forwarder: httpForwarder({ clock }),
      brake: fileBrake({ files, clock }),
      tracer: tracing?.tracer,
      secrets,
      version,
      ...(relays !== undefined && {
        carrier: relays.carrier,
        onSettled: (agent) => relays.settled(agent),
      }),
      onProblem: (problem, error) => warn(`${problem}: ${describe(error)}`),
    });
    const tokens = storedTokens({ files, clock, random });
    const schedules = scheduler({
      files,
      clock,
      random,
      deliver: plumbedReceipts(rules.plumber, (mail) => runtime.accept(mail)),
      onProblem: (problem, error) =>
        warn(error === undefined ? problem : `${problem}: ${describe(error)}`),
    });

    const once = idempotency({ files, clock });
    const kept = { schedules, tokens, secrets: stored, idempotency: once };
    const bindings = { home: runtime, runtime, ...kept };
    const { allowPrivateWebhooks: allowPrivate = false } = options;
    const webhooks = localWebhooks({ files, clock, random, allowPrivate, warn });
    undo.push(() => webhooks.stop(0));
    for (const problem of await secretProblems(definition.hooks, secrets)) warn(problem);

    let ready = false;
    let listening = "";
    const stopping = new AbortController();
    const guard = { rates: rateLimit(clock), stillGood: tokenStanding({ files, clock }) };
    const api = controlApi({
      access: bearerAccess({ token, tokens }),
      ...guard,
      signed: {
        tokens: new HttpTokens({ clock, secp }),
        address: (request) => clientAddress(request, { listening, publicUrl: options.publicUrl }),
        bodyLimit: mailLimit(definition.limits.envelopeBytes),
      },
      senders: sendersOf(definition),
      limits: definition.limits,
      version,
      types: [...definition.agents.keys()],
      hooks: {
        hooks: definition.hooks,
        secrets,
        clock,
        random,
        sink: plumbedSink(rules.plumber, runtime),
      },
      webhooks: webhooks.webhooks,
      ready: () => ready,
      stopping: stopping.signal,
      origins: options.origins ?? [],
      bodyPace: options.bodyPace,
      onError: (error) => warn(describe(error)),
      redact,
      observer: watching(tracing?.tracer, options.observer),
      measures: () => ({
        memory: memoryOf(process.memoryUsage()),
        connections: server.connections(),
        spans: tracing?.counts(),
      }),
    });
    // Before the agents run, so that a port in use changes nothing.
    const server = await listen((request) => api.fetch(request, bindings), {
      host,
      port,
      tls: options.tls,
      limits: options.http,
      onFull: (most) =>
        warn(`Cannot take more connections: there are ${most}, the limit "http.connections"`),
    });
    undo.push(() => server.close(0));
    listening = server.url;
    const sockets = agentSockets({
      runtime,
      guard,
      fetch: (request, accept) => api.fetch(request, { ...bindings, accept }),
    });
    undo.push(() => sockets.stop());
    server.onUpgrade((...connection) => sockets.upgrade(...connection));
    if (!isLoopback(host) && options.tls === undefined) {
      warn(
        `Listening on ${host}, which other machines may reach: whoever has the token rules the agents, and the token travels in clear text: give a certificate with --tls-cert and --tls-key`,
      );
    }
    undo.push(() => runtime.stop(0));
    webhooks.watch(runtime);
    await runtime.start();
    const mounted = await mountOf(options, runtime, version);
    undo.push(() => mounted?.unmount());
    void mounted?.closed.then(() => {
      if (ready) warn(`The home is no longer mounted on "${options.mount}": somebody unmounted it`);
    });
    webhooks.start(runtime);
    await relays?.start(runtime);
    undo.push(() => schedules.stop());
    schedules.start();
    const unwatch = options.blockLimit ? watchEventLoop(options.blockLimit) : () => {};
    data.publish(server.url);
    ready = true;

    const end = async (grace: number): Promise<void> => {
      ready = false;
      // The kernel's timers let the process end, which must not happen before the ticks have.
      const alive = setInterval(() => {}, 60_000);
      server.drain();
      await mounted?.unmount();
      rules.stop();
      await relays?.stop();
      await schedules.stop();
      await runtime.stop(grace);
      // Whoever still waits for an answer or follows a stream has now got all there is.
      stopping.abort();
      sockets.stop();
      await server.close(CLOSE_GRACE);
      await webhooks.stop(CLOSE_GRACE);
      await tracing?.stop(SPAN_GRACE);
      unwatch();
      await trees.close();
      await files.close();
      data.release();
      clearInterval(alive);
    };
    let ended: Promise<void> | undefined;
    return {
      url: server.url,
      token,
      dataDir: data.path,
      mountedOn: mounted?.dir,
      runtime,
      schedules,
      plumb: plumb(rules.plumber, (mail) => runtime.accept(mail)),
      relays: relays && (() => relays.metrics()),
      spans: tracing && (() => tracing.counts()),
      renewTls: () => server.renewTls(),
      stop: (grace = 10_000) => (ended ??= end(grace)),
    };
  } catch (error) {
    for (const step of undo.toReversed()) {
      try {
        await step();
      } catch {
        // What went wrong first is what matters.
      }
    }
    throw error;
  }
}

function memoryOf({ rss, heapUsed }: NodeJS.MemoryUsage): { rss: number; heap: number } {
  return { rss, heap: heapUsed };
}

function watching(
  tracer: Tracer | undefined,
  observer: RequestObserver | undefined,
): RequestObserver | undefined {
  if (tracer === undefined) return observer;
  const traces = tracingRequests(tracer);
  return observer === undefined ? traces : observers([traces, observer]);
}

/** The home as files, where that is asked for. @throws FileError for a directory that cannot be had */
async function mountOf(
  { mount: dir, definition, warn = () => {} }: LocalOptions,
  runtime: Runtime,
  version: string,
): Promise<FuseMount | undefined> {
  if (dir === undefined) return undefined;
  const types = [...definition.agents.keys()];
  const about = async (): Promise<Json> => {
    const { counts: _counts, ...metrics } = runtime.metrics();
    const paused = await runtime.paused();
    return JSON.parse(JSON.stringify({ version, types, paused, ...metrics })) as Json;
  };
  // Loaded where it is needed: it has much that no home without a mount does.
  const { mountHome } = await import("./local/home-mount.ts");
  return mountHome({ runtime, dir, about, warn });
}

/** The plumber of the file, or else of the definition. @throws CONFIG for rules that are wrong */
function openPlumber({ definition, plumb: path, warn = () => {} }: LocalOptions): PlumberFile {
  if (path === undefined) return { plumber: plumberOf(definition), stop: () => undefined };
  const { envelopeBytes: payloadLength } = definition.limits;
  return plumberFile({ path, payloadLength, tell: warn });
}

/**
 * The path of a file that this user alone can read, made if need be; SQLite's others follow it.
 * @throws DENIED when it cannot be written
 */
function privateFile(path: string): string {
  try {
    closeSync(openSync(path, "a", 0o600));
  } catch (error) {
    throw new OpenAgentsError(
      "DENIED",
      `Cannot use store "${path}": ${(error as Error).message}: make it a file that this user can read and write, or choose another data directory with --data`,
      { cause: error },
    );
  }
  return path;
}

/** What an operator needs of an error: our own say it all, of others the place helps. */
function describe(error: unknown): string {
  if (error instanceof OpenAgentsError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
