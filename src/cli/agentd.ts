import { parseArgs } from "node:util";
import { OpenAgentsError, errorInfo } from "../core/errors.ts";
import { toMs } from "../core/duration.ts";
import { PACKAGE_VERSION } from "../core/version.ts";
import type { DataDir } from "../backends/local.ts";
import { openDataDir, startLocal } from "../backends/local.ts";
import { relayUrl } from "../drivers/nostr.ts";
import { loadConfig } from "./config.ts";
import { DEFAULT_DATA } from "./connection.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { shellQuote } from "./shell-quote.ts";
import { notEmpty } from "./usage-error.ts";

const USAGE = `Usage: agentd [options]

Hosts the agents of openagents.config.ts (or .js, .mjs) in the working directory.

Options:
  --config FILE   another configuration
  --data DIR      data directory; default OPENAGENTS_HOME or ./.openagents
  --host HOST     address to listen on; default 127.0.0.1
  --port PORT     port to listen on, 0 for any free one; default 4600
  --relay URL     a Nostr relay, as wss://HOST, beside those of the configuration; repeatable
  --plumb FILE    rules for what comes in by hooks, webhooks and schedules, in place of those of the
                  configuration; read again when the file changes
  --version       print the version
  --help          print this

Environment:
  OPENAGENTS_PASSPHRASE   seals the master key in the data directory, and opens it; without it agents
                          wait for a sealed one until "agentctl unlock"
  OPENAGENTS_BLOCK_LIMIT  how long agent code may block the event loop; default 30s, 0 for no limit
`;

const DEFAULT_BLOCK_LIMIT = "30s";

interface Arguments {
  readonly config: string | undefined;
  readonly data: string;
  readonly host: string;
  readonly port: number;
  readonly relays: readonly string[];
  readonly plumb: string | undefined;
}

function talk(text: string): void {
  process.stderr.write(`${text}\n`);
}

function readArguments(): Arguments | undefined {
  const { values } = parseArgs({
    options: {
      config: { type: "string" },
      data: { type: "string" },
      host: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "4600" },
      relay: { type: "string", multiple: true, default: [] },
      plumb: { type: "string" },
      version: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true || values.version === true) {
    process.stdout.write(values.help === true ? USAGE : `${PACKAGE_VERSION}\n`);
    return undefined;
  }
  for (const name of ["config", "data", "host", "plumb"] as const)
    notEmpty(`--${name}`, values[name]);
  const port = /^\d{1,5}$/.test(values.port) ? Number(values.port) : -1;
  if (port < 0 || port > 65_535) {
    throw new TypeError(`"--port ${values.port}" is not a port: use 0 to 65535`);
  }
  for (const url of values.relay) {
    if (relayUrl(url) === undefined) {
      throw new TypeError(`"--relay ${url}" is no relay: use wss://HOST or ws://HOST:PORT`);
    }
  }
  const { OPENAGENTS_HOME } = process.env;
  const data = values.data ?? (OPENAGENTS_HOME || DEFAULT_DATA);
  const { config, host, relay: relays, plumb } = values;
  return { config, data, host, port, relays, plumb };
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
    talk(
      code === UNSETTLED
        ? "agentd: Cannot go on: the configuration awaits something that never comes"
        : "agentd: Cannot go on: the configuration or agent code ended the process",
    );
    dir.release();
  });
}

/** What Node exits with when a top-level await never settles. */
const UNSETTLED = 13;

/** Runs the daemon until it is told to stop. */
async function main({ config, data, host, port, relays, plumb }: Arguments): Promise<void> {
  const { OPENAGENTS_PASSPHRASE, OPENAGENTS_BLOCK_LIMIT } = process.env;
  // What agent code starts is not to inherit it. What the system says of this process still has it: SECURITY.md.
  delete process.env["OPENAGENTS_PASSPHRASE"];
  // A second agentd is told so before it runs any code of the configuration.
  const dir = openDataDir(data, (text) => talk(`agentd: ${text}`));
  guardExit(dir);
  let definition;
  let blockLimit;
  try {
    blockLimit = toMs(OPENAGENTS_BLOCK_LIMIT || DEFAULT_BLOCK_LIMIT);
    definition = await loadConfig(config, process.cwd());
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
    passphrase: OPENAGENTS_PASSPHRASE || undefined,
    blockLimit,
    warn: (text) => talk(`agentd: ${text}`),
  });

  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) end(signal === "SIGINT" ? 130 : 143);
    stopping = true;
    meant = true;
    talk(`agentd: stopping on ${signal}, once more to stop at once`);
    local.stop().then(
      () => end(EXIT.ok),
      (error: unknown) => fail(error),
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  // A promise that agent code forgot about must not take the other agents down.
  process.on("unhandledRejection", (reason) => {
    talk(`agentd: unhandled rejection in agent code: ${describe(reason)}`);
  });
  process.on("uncaughtException", (error) => {
    talk(`agentd: Cannot go on: uncaught exception: ${describe(error)}`);
    end(EXIT.failed);
  });

  process.stdout.on("error", () => {});
  const agents = (await local.runtime.list({ limit: 100 })).items;
  const types = [...definition.agents.keys()];
  process.stdout.write(welcome(local.url, { names: agents.map(({ name }) => name), types, data }));
}

/** The address, and three commands to try. */
function welcome(
  url: string,
  { names, types, data }: { names: readonly string[]; types: readonly string[]; data: string },
): string {
  const agentctl =
    data === DEFAULT_DATA ? "npx agentctl" : `npx agentctl --data ${shellQuote(data)}`;
  const name = names.includes("greeter") ? "greeter" : (names[0] ?? "alice");
  const first = names.length > 0 ? "list" : `create ${name} --type ${types[0]}`;
  return `agentd is listening on ${url}

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
  talk(`agentd: ${known ? message : describe(error)}`);
  end(exitCodeOf(code));
}

let values: Arguments | undefined;
try {
  values = readArguments();
} catch (error) {
  talk(`agentd: ${(error as Error).message}\n\n${USAGE}`);
  process.exit(EXIT.usage);
}
if (values !== undefined) await main(values).catch(fail);
