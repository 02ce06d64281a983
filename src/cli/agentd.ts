import { statSync } from "node:fs";
import { parseArgs } from "node:util";
import { OpenAgentsError, errorInfo } from "../core/errors.ts";
import { toMs } from "../core/duration.ts";
import { PACKAGE_VERSION } from "../core/version.ts";
import type { DataDir } from "../backends/local.ts";
import { openDataDir, startLocal } from "../backends/local.ts";
import type { LocalRuntime } from "../backends/local.ts";
import { loadToken } from "../backends/local/data-dir.ts";
import { HTTP_LIMITS } from "../backends/local/http-server.ts";
import type { TlsFiles } from "../backends/local/tls.ts";
import { isOrigin } from "../control/cors.ts";
import { declaredSecrets, secretValues } from "../control/redact.ts";
import { relayUrl } from "../drivers/nostr.ts";
import { loadConfig } from "./config.ts";
import { DEFAULT_DATA } from "./connection.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { FORMATS, LEVELS, openLog } from "./log.ts";
import type { DaemonLog, Format, Level } from "./log.ts";
import { shellQuote } from "./shell-quote.ts";
import { notEmpty } from "./usage-error.ts";

const USAGE = `Usage: agentd [options]

Hosts the agents of openagents.config.ts (or .js, .mjs) in the working directory.

Options:
  --config FILE   another configuration
  --data DIR      data directory; default OPENAGENTS_HOME or ./.openagents
  --host HOST     address to listen on; default 127.0.0.1
  --port PORT     port to listen on, 0 for any free one; default 4600
  --public-url URL  the address that clients know this by, where a proxy stands before it
  --origin URL    pages of this origin, as https://HOST, may use the API from a browser; repeatable
  --tls-cert FILE, --tls-key FILE
                  a certificate and its key, in PEM: listen by HTTPS; read again on SIGHUP
  --max-connections N   connections at once, above which more are closed; default ${HTTP_LIMITS.connections}
  --relay URL     a Nostr relay, as wss://HOST, beside those of the configuration; repeatable
  --plumb FILE    rules for what comes in by hooks, webhooks and schedules, in place of those of the
                  configuration; read again when the file changes
  --mount DIR     show the home as files in this empty directory (Linux); taken away at the end
  --host-dir DIR  a directory of this machine of which agents' "host" mounts may be; repeatable
  --log-level LEVEL   debug, info, warn or error: what is logged, also of agents' log lines; default
                      warn, and info as JSON
  --log-format FORMAT pretty, or json for a line of JSON each; default OPENAGENTS_LOG or pretty
  --allow-private-webhooks
                  let webhooks go to this machine and to private networks: for development
  --version       print the version
  --help          print this

Environment:
  OPENAGENTS_PASSPHRASE   seals the master key in the data directory, and opens it; without it agents
                          wait for a sealed one until "agentctl unlock"
  OPENAGENTS_BLOCK_LIMIT  how long agent code may block the event loop; default 30s, 0 for no limit
  OPENAGENTS_LOG          the format of the log: pretty or json
  OPENAGENTS_REDACT       names of variables, with commas between them, whose values are never logged
  OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER_ARG, OTEL_EXPORTER_OTLP_HEADERS
                          where traces are exported to, before what the configuration says
`;

const DEFAULT_BLOCK_LIMIT = "30s";

interface Arguments {
  readonly config: string | undefined;
  readonly data: string;
  readonly host: string;
  readonly port: number;
  readonly relays: readonly string[];
  readonly plumb: string | undefined;
  readonly mount: string | undefined;
  readonly hostDirs: readonly string[];
  readonly publicUrl: string | undefined;
  readonly origins: readonly string[];
  readonly tls: TlsFiles | undefined;
  readonly connections: number;
  readonly format: Format;
  readonly level: Level;
  readonly allowPrivateWebhooks: boolean;
}

function openDaemonLog(
  at: Pick<Arguments, "format" | "level">,
  secrets: readonly string[] = [],
): DaemonLog {
  return openLog({
    format: at.format,
    level: at.level,
    secrets: [...SECRETS, ...secrets],
    write: (line) => process.stderr.write(line),
  });
}

/** Before any of them is taken out of the environment. */
const SECRETS: readonly string[] = secretValues(process.env);

let log: DaemonLog = openDaemonLog({ format: "pretty", level: "warn" });

function readArguments(): Arguments | undefined {
  const { values } = parseArgs({
    options: {
      config: { type: "string" },
      data: { type: "string" },
      host: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "4600" },
      relay: { type: "string", multiple: true, default: [] },
      plumb: { type: "string" },
      mount: { type: "string" },
      "host-dir": { type: "string", multiple: true, default: [] },
      "public-url": { type: "string" },
      origin: { type: "string", multiple: true, default: [] },
      "tls-cert": { type: "string" },
      "tls-key": { type: "string" },
      "max-connections": { type: "string", default: String(HTTP_LIMITS.connections) },
      "log-level": { type: "string" },
      "log-format": { type: "string" },
      "allow-private-webhooks": { type: "boolean", default: false },
      version: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true || values.version === true) {
    process.stdout.write(values.help === true ? USAGE : `${PACKAGE_VERSION}\n`);
    return undefined;
  }
  for (const name of ["config", "data", "host", "plumb", "mount", "tls-cert", "tls-key"] as const)
    notEmpty(`--${name}`, values[name]);
  for (const dir of values["host-dir"]) {
    if (!statSync(dir || ".", { throwIfNoEntry: false })?.isDirectory() || dir === "") {
      throw new TypeError(`"--host-dir ${dir}" is no directory: name one that is there`);
    }
  }
  const port = /^\d{1,5}$/.test(values.port) ? Number(values.port) : -1;
  if (port < 0 || port > 65_535) {
    throw new TypeError(`"--port ${values.port}" is not a port: use 0 to 65535`);
  }
  for (const url of values.relay) {
    if (relayUrl(url) === undefined) {
      throw new TypeError(`"--relay ${url}" is no relay: use wss://HOST or ws://HOST:PORT`);
    }
  }
  const { OPENAGENTS_HOME, OPENAGENTS_LOG } = process.env;
  const format = oneOf(
    "--log-format",
    values["log-format"] ?? (OPENAGENTS_LOG || "pretty"),
    FORMATS,
  );
  const usual = format === "json" ? "info" : "warn";
  const level = oneOf("--log-level", values["log-level"] ?? usual, LEVELS);
  const data = values.data ?? (OPENAGENTS_HOME || DEFAULT_DATA);
  const publicUrl = values["public-url"];
  if (publicUrl !== undefined && !/^https?:$/.test(URL.parse(publicUrl)?.protocol ?? "")) {
    throw new TypeError(`"--public-url ${publicUrl}" is no address: use https://HOST`);
  }
  for (const origin of values.origin) {
    if (!isOrigin(origin)) {
      throw new TypeError(`"--origin ${origin}" is no origin: use https://HOST, with no path`);
    }
  }
  const { "tls-cert": cert, "tls-key": key, "max-connections": most } = values;
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError("TLS needs both a certificate and its key: give --tls-cert and --tls-key");
  }
  const tls = cert !== undefined && key !== undefined ? { cert, key } : undefined;
  if (!/^[1-9]\d{0,6}$/.test(most)) {
    throw new TypeError(`"--max-connections ${most}" is not possible: use 1 to 9999999`);
  }
  const { config, host, relay: relays, plumb, mount, origin: origins } = values;
  const allowPrivateWebhooks = values["allow-private-webhooks"];
  return {
    config,
    data,
    host,
    port,
    relays,
    plumb,
    mount,
    hostDirs: values["host-dir"],
    publicUrl,
    origins,
    tls,
    connections: Number(most),
    allowPrivateWebhooks,
    format,
    level,
  };
}

function oneOf<T extends string>(flag: string, value: string, words: readonly T[]): T {
  const word = words.find((one) => one === value);
  if (word !== undefined) return word;
  throw new TypeError(`"${flag} ${value}" is not possible: use one of ${words.join(", ")}`);
}

/** True from when this program itself means to end: else the end is agent code's doing. */
let meant = false;

function end(code: number): never {
  meant = true;
  process.exit(code);
}

/** Has an end that nobody asked for count as a failure, and says so. */
function guardExit(dir: DataDir): void {
  process.on("exit", (code) => {
    if (meant) return;
    process.exitCode = EXIT.failed;
    log.log(
      "error",
      code === UNSETTLED
        ? "Cannot go on: the configuration awaits something that never comes"
        : "Cannot go on: the configuration or agent code ended the process",
    );
    dir.release();
  });
}

/** What Node exits with when a top-level await never settles. */
const UNSETTLED = 13;

/** Runs the daemon until it is told to stop. */
async function main(given: Arguments): Promise<void> {
  const { config, data, host, port, relays, plumb, publicUrl } = given;
  log = openDaemonLog(given);
  const { OPENAGENTS_PASSPHRASE, OPENAGENTS_BLOCK_LIMIT } = process.env;
  // What agent code starts is not to inherit it. What the system says of this process still has it: SECURITY.md.
  delete process.env["OPENAGENTS_PASSPHRASE"];
  // A second agentd is told so before it runs any code of the configuration.
  const dir = openDataDir(data, (text) => log.log("warn", text));
  guardExit(dir);
  let definition;
  let blockLimit;
  try {
    blockLimit = toMs(OPENAGENTS_BLOCK_LIMIT || DEFAULT_BLOCK_LIMIT);
    definition = await loadConfig(config, process.cwd());
    const declared = secretValues(process.env, declaredSecrets(definition));
    log = openDaemonLog(given, [loadToken(dir), ...declared]);
  } catch (error) {
    dir.release();
    throw error;
  }
  const local = await startLocal({
    definition,
    data: dir,
    host,
    port,
    relays,
    plumb,
    mount: given.mount,
    hostDirs: given.hostDirs,
    publicUrl,
    origins: given.origins,
    tls: given.tls,
    http: { connections: given.connections },
    allowPrivateWebhooks: given.allowPrivateWebhooks,
    passphrase: OPENAGENTS_PASSPHRASE || undefined,
    blockLimit,
    warn: (text) => log.log("warn", text),
    observer: given.level === "debug" || given.format === "json" ? log.requests : undefined,
    env: process.env,
    onSecret: (value) => log.learn(value),
  });
  local.runtime.watch(undefined, (tick) => log.tick(tick));

  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) end(signal === "SIGINT" ? 130 : 143);
    stopping = true;
    meant = true;
    log.say(`stopping on ${signal}, once more to stop at once`);
    local.stop().then(
      () => end(EXIT.ok),
      (error: unknown) => fail(error),
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  // Without a certificate a hang-up ends it, as ever.
  if (given.tls !== undefined) {
    process.on("SIGHUP", () => {
      try {
        local.renewTls();
        log.say("the certificate was read again");
      } catch (error) {
        log.log("error", `${errorInfo(error).message}: the old certificate stays`);
      }
    });
  }
  // A promise that agent code forgot about must not take the other agents down.
  process.on("unhandledRejection", (reason) => {
    log.log("error", `unhandled rejection in agent code: ${describe(reason)}`);
  });
  process.on("uncaughtException", (error) => {
    log.log("error", `Cannot go on: uncaught exception: ${describe(error)}`);
    end(EXIT.failed);
  });

  process.stdout.on("error", () => {});
  const agents = (await local.runtime.list({ limit: 100 })).items;
  const types = [...definition.agents.keys()];
  const names = agents.map(({ name }) => name);
  process.stdout.write(welcome(local, { names, types, data }));
}

/** The address, where it is mounted, and three commands to try. */
function welcome(
  { url, mountedOn }: Pick<LocalRuntime, "url" | "mountedOn">,
  { names, types, data }: { names: readonly string[]; types: readonly string[]; data: string },
): string {
  const agentctl =
    data === DEFAULT_DATA ? "npx agentctl" : `npx agentctl --data ${shellQuote(data)}`;
  const name = names.includes("greeter") ? "greeter" : (names[0] ?? "alice");
  const first = names.length > 0 ? "list" : `create ${name} --type ${types[0]}`;
  const mounted = mountedOn === undefined ? "" : `Mounted on ${mountedOn}\n`;
  return `agentd is listening on ${url}
${mounted}
Try, in another terminal:
  ${agentctl} ${first}
  ${agentctl} send ${name} "Ada" --wait
  ${agentctl} trajectory ${name} --verify
`;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function fail(error: unknown): never {
  const { code, message } = errorInfo(error);
  const known = error instanceof OpenAgentsError || (error as { code?: unknown }).code === code;
  log.log("error", known ? message : describe(error));
  end(exitCodeOf(code));
}

let values: Arguments | undefined;
try {
  values = readArguments();
} catch (error) {
  log.log("error", `${(error as Error).message}\n\n${USAGE}`);
  process.exit(EXIT.usage);
}
if (values !== undefined) await main(values).catch(fail);
