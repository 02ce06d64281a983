import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { start } from "../../scripts/agentd.ts";
import { startWorkerd } from "../../scripts/workerd.ts";
import { remoteRuntime } from "../../src/control/remote-runtime.ts";
import type { RemoteHome } from "../../src/control/remote-runtime.ts";

/** A home in a process of its own, which can be killed; at one address over all its lives. */
export interface MortalHome extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  readonly runtime: RemoteHome;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** A new start on what is stored. */
  start(): Promise<void>;
}

/** An agentd with the agents of a configuration. */
export async function agentdHome(name: string, config: URL): Promise<MortalHome> {
  const data = mkdtempSync(join(tmpdir(), "openagents-home-"));
  let daemon = await start(config, data);
  const { url } = daemon;
  const token = readFileSync(join(data, "token"), "utf8").trim();
  return {
    name,
    url,
    get pid() {
      return daemon.pid;
    },
    runtime: remoteRuntime({ url, token }),
    kill: () => daemon.kill(),
    async start() {
      daemon = await start(config, data, Number(new URL(url).port));
    },
    async [Symbol.asyncDispose]() {
      await daemon.kill();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** A workerd with the agents of a Worker. */
export async function workerdHome(name: string, entry: string): Promise<MortalHome> {
  const worker = await startWorkerd({ entry });
  return {
    name,
    url: worker.url,
    get pid() {
      return worker.pid;
    },
    runtime: remoteRuntime(worker),
    kill: () => worker.kill(),
    start: () => worker.start(),
    [Symbol.asyncDispose]: () => worker[Symbol.asyncDispose](),
  };
}

/** Looks until there is something; what it throws meanwhile, as a home that is down does, counts for nothing. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  let last: unknown;
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(20)) {
    try {
      const seen = await look();
      if (seen !== undefined) return seen;
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`Waited a minute for ${what}`, { cause: last });
}

/** A client that sends one message after the other, each again under its id until it is accepted. */
export interface Client {
  /** Texts that were accepted, in order. */
  readonly accepted: readonly string[];
  stop(): Promise<void>;
}

/** Sends to an agent at one home for ever, wherever it is by then. */
export function keepSending(home: MortalHome, ref: string, name: string): Client {
  const accepted: string[] = [];
  const load = { over: false };
  const run = async (): Promise<void> => {
    for (let i = 0; !load.over; i += 1) {
      const text = `${name}-${String(i).padStart(4, "0")}`;
      await eventually(`"${text}" to be accepted`, async () => {
        const { receipt } = await home.runtime.send(ref, { payload: text, id: text, from: name });
        return receipt === "accepted" || receipt === "duplicate" ? true : undefined;
      });
      accepted.push(text);
      await sleep(5);
    }
  };
  const running = run();
  return {
    accepted,
    async stop() {
      load.over = true;
      await running;
    },
  };
}
