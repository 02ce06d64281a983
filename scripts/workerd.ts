import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import workerd from "workerd";
import { newMnemonic } from "../src/identity/nip06.ts";

/** A Worker under plain workerd, with its objects on disk. */
export interface Workerd {
  readonly url: string;
  readonly token: string;
  readonly mnemonic: string;
  readonly pid: number;
  /** What it has printed. */
  readonly output: () => string;
  /** A request with the token. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again, on the same port and what is stored. */
  start(): Promise<void>;
  /** Has the next start run the entry with other texts in it. */
  deploy(define: Readonly<Record<string, string>>): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface WorkerdOptions {
  /** The entry, a file of this project that exports the Worker. */
  readonly entry: string;
  /** Classes of Durable Objects by the name of their binding. */
  readonly objects?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Names in the entry that stand for text, as a Worker's module has no environment. */
  readonly define?: Readonly<Record<string, string>>;
  /** Modules that take the place of others, by the name that is imported. */
  readonly alias?: Readonly<Record<string, string>>;
  /** Files of WASM by the name that the entry imports, such as `./curve.wasm`. */
  readonly wasm?: Readonly<Record<string, string>>;
  readonly compatibilityFlags?: readonly string[];
}

export interface BundleOptions extends Pick<WorkerdOptions, "define" | "alias"> {
  readonly minify?: boolean;
}

/** Bundles an entry as wrangler does; the bundle's text. Files of WASM stay modules of their own. */
export async function bundle(
  entry: string,
  { define = {}, alias = {}, minify = false }: BundleOptions = {},
): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    define: Object.fromEntries(
      Object.entries(define).map(([name, text]) => [name, JSON.stringify(text)]),
    ),
    alias,
    bundle: true,
    minify,
    write: false,
    format: "esm",
    target: "es2024",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "browser"],
    external: ["node:*", "cloudflare:*", "*.wasm"],
  });
  return outputFiles[0]!.text;
}

/** Starts a Worker in a directory of its own. */
export async function startWorkerd(options: WorkerdOptions): Promise<Workerd> {
  const { entry, objects = { AGENTS: "AgentObject", DIRECTORY: "DirectoryObject" } } = options;
  const { define = {}, alias = {}, wasm = {}, compatibilityFlags = [] } = options;
  const directory = mkdtempSync(join(tmpdir(), "openagents-workerd-"));
  mkdirSync(join(directory, "data"));
  const deploy = async (texts: Readonly<Record<string, string>>): Promise<void> =>
    writeFileSync(join(directory, "worker.js"), await bundle(entry, { define: texts, alias }));
  await deploy(define);
  for (const [name, path] of Object.entries(wasm)) copyFileSync(path, join(directory, name));
  const token = "a-token-for-these-tests";
  const mnemonic = newMnemonic();
  const env = { OPENAGENTS_TOKEN: token, OPENAGENTS_MNEMONIC: mnemonic, ...options.env };
  writeFileSync(
    join(directory, "config.capnp"),
    config({ objects, env, modules: Object.keys(wasm), compatibilityFlags }),
  );

  let served: Served | undefined;
  let printed = "";
  const start = async (): Promise<void> => {
    printed += served?.output() ?? "";
    served = await serve(directory, { config: "config.capnp", port: served?.port ?? 0 });
  };
  await start();
  const url = `http://127.0.0.1:${served!.port}`;
  return {
    url,
    token,
    mnemonic,
    get pid() {
      return served!.pid;
    },
    output: () => printed + served!.output(),
    fetch: (path, init = {}) =>
      fetch(`${url}${path}`, {
        ...init,
        headers: {
          authorization: `Bearer ${token}`,
          "content-type": "application/json",
          ...(init.headers as object),
        },
      }),
    kill: () => served!.kill(),
    start,
    deploy,
    async [Symbol.asyncDispose]() {
      await served!.kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A running workerd. */
export interface Served {
  readonly port: number;
  readonly pid: number;
  /** What it has printed. */
  readonly output: () => string;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
}

export interface ServeOptions {
  /** The configuration's file, in the directory. Its socket is named `http`. */
  readonly config: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs `workerd serve` in a directory; resolves when it listens. */
export async function serve(directory: string, options: ServeOptions): Promise<Served> {
  const address = `--socket-addr=http=127.0.0.1:${options.port}`;
  const child = spawn(workerd.default, ["serve", options.config, "--control-fd=3", address], {
    cwd: directory,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (data: Buffer) => {
      printed += String(data);
    });
  }
  const ended = new Promise((resolve) => {
    child.once("exit", resolve);
  });
  return {
    port: await listening(child, () => printed),
    pid: child.pid!,
    output: () => printed,
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** The port that it says it listens on. */
function listening(child: ChildProcess, printed: () => string): Promise<number> {
  return new Promise((resolve, reject) => {
    let told = "";
    child.stdio[3]?.on("data", (data: Buffer) => {
      told += String(data);
      const match = /"event":"listen","socket":"http","port":(\d+)/.exec(told);
      if (match !== null) resolve(Number(match[1]));
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`workerd ended with ${code}: ${printed()}`)));
  });
}

interface ConfigParts {
  readonly objects: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  /** Files of WASM. */
  readonly modules: readonly string[];
  readonly compatibilityFlags: readonly string[];
}

function config({ objects, env, modules, compatibilityFlags }: ConfigParts): string {
  const list = (items: readonly string[]): string => items.map((item) => `    ${item},`).join("\n");
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "disk", disk = (path = "data", writable = true)),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "worker.js"),
${list(modules.map((name) => `(name = ${JSON.stringify(name)}, wasm = embed ${JSON.stringify(name)})`))}
  ],
  compatibilityDate = "2026-10-01",
  compatibilityFlags = [
${list(compatibilityFlags.map((flag) => JSON.stringify(flag)))}
  ],
  durableObjectNamespaces = [
${list(Object.values(objects).map((name) => `(className = "${name}", uniqueKey = "${name}", enableSql = true)`))}
  ],
  durableObjectStorage = (localDisk = "disk"),
  bindings = [
${list(Object.entries(objects).map(([binding, name]) => `(name = "${binding}", durableObjectNamespace = "${name}")`))}
${list(Object.entries(env).map(([name, value]) => `(name = ${JSON.stringify(name)}, text = ${JSON.stringify(value)})`))}
  ],
);
`;
}
