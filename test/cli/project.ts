import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** The package's directory: what is tested here is the built package, as users run it. */
export const PACKAGE: string = fileURLToPath(new URL("../../", import.meta.url));

/** A configuration with two kinds of agents. */
export const CONFIG = `
import { defineAgent, defineRuntime } from "@openagents/runtime";
const greeter = defineAgent({
  name: "greeter",
  state: { greeted: 0 },
  async onMessage(ctx, message) {
    if (message.text === "fail") throw new Error("told to");
    if (message.text === "hang") { await new Promise((r) => setTimeout(r, 100)); for (;;); }
    ctx.state.greeted += 1;
    ctx.log.info("greeting", { who: message.text });
    ctx.broadcast("greeted", { total: ctx.state.greeted });
    await ctx.reply(\`Hello \${message.text}, you are number \${ctx.state.greeted}\`);
  },
  retry: { retries: 1, backoff: 1 },
});
const quiet = defineAgent({ name: "quiet" });
export default defineRuntime({
  agents: [greeter, quiet],
  ensure: [{ name: "greeter", type: "greeter" }],
});
`;

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running agentd. */
export interface Daemon {
  readonly url: string;
  readonly child: ChildProcess;
  /** Ends it with a signal, by default SIGTERM. */
  end(signal?: NodeJS.Signals): Promise<Ended>;
  readonly ended: Promise<Ended>;
}

/** A project directory with this package installed. */
export interface Project {
  readonly dir: string;
  readonly data: string;
  write(file: string, text: string): void;
  readonly agentctl: (...args: string[]) => Promise<Ended>;
  /** As above, with something on stdin or in the environment. */
  run(args: readonly string[], options: RunOptions): Promise<Ended>;
  /** Runs agentd until it ends by itself. */
  agentd(args?: readonly string[], options?: RunOptions): Promise<Ended>;
  /** Starts agentd on a free port, and waits until it listens. */
  start(options?: RunOptions): Promise<Daemon>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface RunOptions {
  readonly stdin?: string;
  readonly env?: Record<string, string>;
  readonly uid?: number;
  /** For `start`: more arguments of agentd. */
  readonly args?: readonly string[];
}

/** Makes a project; with no configuration when `config` is null. */
export function project(config: string | null = CONFIG): Project {
  const dir = mkdtempSync(join(tmpdir(), "openagents-cli-"));
  linkPackage(dir);
  const write = (file: string, text: string): void => writeFileSync(join(dir, file), text);
  write("package.json", '{ "type": "module" }');
  if (config !== null) write("openagents.config.ts", config);
  const children = new Set<ChildProcess>();

  const launch = (program: string, args: readonly string[], options: RunOptions): ChildProcess => {
    const child = spawn(process.execPath, [join(PACKAGE, "bin", `${program}.js`), ...args], {
      cwd: dir,
      env: { PATH: process.env["PATH"], HOME: dir, ...options.env },
      ...(options.uid !== undefined && { uid: options.uid }),
    });
    children.add(child);
    child.once("close", () => children.delete(child));
    // A program may end without having read its input.
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.stdin ?? "");
    return child;
  };
  const agentd = (args: readonly string[] = [], options: RunOptions = {}): Promise<Ended> =>
    outcome(launch("agentd", args, options));
  const run = (args: readonly string[], options: RunOptions): Promise<Ended> =>
    outcome(launch("agentctl", args, options));

  return {
    dir,
    data: join(dir, ".openagents"),
    write,
    run,
    agentd,
    agentctl: (...args) => run(args, {}),
    async start(options = {}) {
      const child = launch("agentd", ["--port", "0", ...(options.args ?? [])], options);
      const ended = outcome(child);
      const listening = new Promise<string>((resolve) => {
        createInterface(child.stdout!).on("line", (line) => {
          const url = /listening on (\S+)/.exec(line)?.[1];
          if (url !== undefined) resolve(url);
        });
      });
      const url = await Promise.race([listening, ended]);
      if (typeof url !== "string") throw new Error(`agentd ended: ${url.stderr}`);
      return {
        url,
        child,
        ended,
        end(signal = "SIGTERM") {
          child.kill(signal);
          return ended;
        },
      };
    },
    async [Symbol.asyncDispose]() {
      for (const child of children) {
        child.kill("SIGKILL");
        await once(child, "close");
      }
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** What `npm install` does for a `file:` dependency. */
export function linkPackage(dir: string): void {
  mkdirSync(join(dir, "node_modules", "@openagents"), { recursive: true });
  symlinkSync(PACKAGE, join(dir, "node_modules", "@openagents", "runtime"));
}

async function outcome(child: ChildProcess): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}
