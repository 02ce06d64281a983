// A home with agents that is mounted twice, for tests with the programs of a shell: by agentd itself, and
// by agentctl over HTTP.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { project } from "../cli/project.ts";
import type { Daemon, Project, RunOptions } from "../cli/project.ts";
import { runningAgentctl } from "../cli/running.ts";
import type { Running } from "../cli/running.ts";
import type { Ran } from "./mounted.ts";

/** The two ways to the same files: `mnt` is agentd's own mount, `net` that of agentctl. */
export const MOUNTS = ["mnt", "net"] as const;

/** One that answers and fails when told to, one that does nothing, one whose inbox is small. */
export const AGENTS = `
import { defineAgent, defineRuntime } from "@openagents/runtime";
const greeter = defineAgent({
  name: "greeter",
  state: { greeted: 0 },
  async onMessage(ctx, message) {
    if (message.text === "fail") throw new Error("told to");
    ctx.state.greeted += 1;
    ctx.log.info("greeting", { who: message.text });
    ctx.broadcast("greeted", { total: ctx.state.greeted });
  },
  retry: { retries: 0, quarantineAfter: 1000 },
});
const onMessage = () => {};
const quiet = defineAgent({ name: "quiet", onMessage, inbox: { depth: 200_000 } });
const strict = defineAgent({ name: "strict", onMessage, inbox: { depth: 3, overflow: "reject-new" } });
export default defineRuntime({
  agents: [greeter, quiet, strict],
  ensure: ["greeter", "quiet", "strict"].map((name) => ({ name, type: name })),
});
`;

/** What a shell did, over a way to the files. */
export interface MountedHome extends Project {
  /** What listens. */
  readonly url: () => string;
  readonly daemon: () => Daemon;
  /** Starts agentd with its mount. */
  readonly startHere: (options?: RunOptions) => Promise<Daemon>;
  /** Mounts with agentctl. */
  readonly mountNet: (...flags: string[]) => Promise<Running>;
  /** Runs a script of bash in the directory of a mount; it must end within 30 s. */
  readonly sh: (mount: string, script: string) => Promise<Ran>;
  /** The same for one that must end well; what it printed. */
  readonly says: (mount: string, script: string) => Promise<string>;
  /** An answer over HTTP to an operator. */
  readonly http: (path: string, init?: RequestInit) => Promise<Response>;
  /** The bytes of a file over HTTP, as text. */
  readonly file: (path: string) => Promise<string>;
}

/** A home that is not started. All that is mounted in it is gone at the end. */
export function mountedHome(config: string = AGENTS): MountedHome {
  const p = project(config);
  for (const name of MOUNTS) mkdirSync(join(p.dir, name));
  let daemon: Daemon | undefined;
  const started = (): Daemon => {
    assert.ok(daemon, "agentd was not started");
    return daemon;
  };
  const nets: Running[] = [];
  const sh = (mount: string, script: string): Promise<Ran> => bash(join(p.dir, mount), script);
  const http = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const token = readFileSync(join(p.data, "token"), "utf8").trim();
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${token}`);
    const signal = AbortSignal.timeout(30_000);
    return fetch(`${started().url}${path}`, { signal, ...init, headers });
  };
  return {
    ...p,
    url: () => started().url,
    daemon: started,
    async startHere(options = {}) {
      daemon = await p.start({ ...options, args: ["--mount", "mnt", ...(options.args ?? [])] });
      return daemon;
    },
    async mountNet(...flags) {
      const net = runningAgentctl(p, "mount", "net", ...flags);
      nets.push(net);
      await net.until(() => net.out().includes("Mounted"));
      return net;
    },
    sh,
    async says(mount, script) {
      const { out, err, code } = await sh(mount, script);
      assert.equal(code, 0, `${mount}: ${script}: ${err}`);
      assert.equal(err, "", `${mount}: ${script}`);
      return out;
    },
    http,
    async file(path) {
      const response = await http(`/fs/agents/${path}`);
      assert.equal(response.status, 200, path);
      return response.text();
    },
    async [Symbol.asyncDispose]() {
      for (const name of MOUNTS) {
        while (isMounted(join(p.dir, name))) {
          spawnSync("umount", ["-i", "-f", "-l", join(p.dir, name)], { cwd: "/" });
        }
      }
      for (const net of nets) await net[Symbol.asyncDispose]();
      await p[Symbol.asyncDispose]();
    },
  };
}

/** Started and mounted in both ways. */
export async function twiceMounted(config?: string): Promise<MountedHome> {
  const home = mountedHome(config);
  await home.startHere();
  await home.mountNet();
  return home;
}

/** True while something is mounted on a directory; nothing is asked of what is mounted. */
export function isMounted(dir: string): boolean {
  return readFileSync("/proc/self/mountinfo", "utf8").includes(` ${dir} `);
}

/** Until nothing is mounted there any more; fails after 15 s. */
export async function gone(dir: string): Promise<void> {
  for (let tries = 0; isMounted(dir); tries += 1) {
    assert.ok(tries < 750, `${dir} is still mounted`);
    await sleep(20);
  }
}

/** True when a program of this name is there. */
export function has(program: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
}

/** Runs a script of bash in a directory, for 30 s at most: -1 when it was killed, with all it started. */
function bash(dir: string, script: string): Promise<Ran> {
  return new Promise((done) => {
    // This process must not go into what it mounts, so the shell does.
    const child = spawn("bash", ["-c", `cd "$0" && { ${script}\n}`, dir], {
      cwd: "/",
      env: { ...process.env, LC_ALL: "C" },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const timer = setTimeout(() => process.kill(-(child.pid ?? 0), "SIGKILL"), 30_000);
    const out: Buffer[] = [];
    let err = "";
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
    child.on("close", (code) => {
      clearTimeout(timer);
      done({ out: Buffer.concat(out).toString(), err, code: code ?? -1 });
    });
  });
}
