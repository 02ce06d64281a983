import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { PACKAGE } from "../cli/project.ts";

/** What takes the place of npm and npx, which would ask a registry for what is in this directory. */
const STAND_INS = `
node() { "$NODE" "$@"; }
npx() { "$NODE" "$PACKAGE/bin/$1.js" "\${@:2}"; }
npm() { mkdir -p node_modules/@openagents && ln -s "$PACKAGE" node_modules/@openagents/runtime; }
`;

/** A shell that is typed into, one command after the other. */
export interface Terminal {
  /** What a command prints, on stdout and stderr as a person sees it. */
  type(command: string): Promise<string>;
  /** What a command that does not end has printed, once `enough` says that it is. */
  watch(command: string, enough: (printed: string) => boolean): Promise<string>;
  /** Where it is. */
  directory(): Promise<string>;
  close(): Promise<void>;
}

export function openTerminal(cwd: string): Terminal {
  const env = { PATH: process.env["PATH"], HOME: cwd, NODE: process.execPath, PACKAGE };
  const shell = spawn("bash", [], { cwd, env, detached: true });
  shell.stdin.write(`${STAND_INS}exec 2>&1\n`);
  let printed = "";
  let heard = (): void => undefined;
  shell.stdout.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
    heard();
  });
  const type = async (command: string): Promise<string> => {
    const end = `done-${crypto.randomUUID()}`;
    printed = "";
    // Standard input is what is typed: no command may read it.
    shell.stdin.write(`{ ${command}\n} < /dev/null; echo ${end}\n`);
    while (!printed.includes(end)) {
      await new Promise<void>((resolve) => {
        heard = resolve;
      });
    }
    return printed.slice(0, printed.indexOf(end));
  };
  const directory = async (): Promise<string> => (await type("pwd")).trim();
  return {
    type,
    directory,
    async watch(command, enough) {
      const args = [join(PACKAGE, "bin/agentctl.js"), ...command.split(" ").slice(2)];
      const child = spawn(process.execPath, args, {
        cwd: await directory(),
        env,
      });
      let seen = "";
      child.stdout.setEncoding("utf8");
      for await (const text of child.stdout) {
        seen += String(text);
        if (enough(seen)) break;
      }
      await ended(child, "SIGINT");
      return seen;
    },
    async close() {
      // With all that it has in the background.
      if (shell.exitCode === null) process.kill(-shell.pid!, "SIGKILL");
      await once(shell, "close");
    },
  };
}

/** Ends a process. */
export async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, "exit");
}
