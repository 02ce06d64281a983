import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { UsageError } from "./usage-error.ts";

/** A secret that is wanted. */
export interface SecretOptions {
  /** What it is, as in `passphrase of the keys`. */
  readonly what: string;
  /** The variable of the environment that may hold it. */
  readonly variable?: string;
  /** Ask for it twice at a terminal, where a slip could not be noticed later. */
  readonly twice?: boolean;
}

/**
 * A secret, which is never an argument, that others could see: from its variable of the environment;
 * else typed at a terminal, where it is not shown; else the next line of stdin.
 * @throws UsageError when there is none
 */
export async function readSecret({
  what,
  variable,
  twice = false,
}: SecretOptions): Promise<string> {
  const given = variable === undefined ? undefined : process.env[variable];
  if (given) return given;
  const typed = process.stdin.isTTY;
  const secret = typed ? await ask(`${capital(what)}: `) : await nextLine();
  if (secret === undefined || secret === "") {
    const set = variable === undefined ? "" : `set ${variable}, `;
    throw new UsageError(
      `Cannot read ${what}: there is none: ${set}type it at a terminal, or give it as a line of stdin`,
    );
  }
  if (typed && twice && (await ask(`${capital(what)}, again: `)) !== secret) {
    throw new UsageError(`Cannot read ${what}: the two are not the same`);
  }
  return secret;
}

/** So many characters of stdin are read: the most that a secret has, and one more to see that there are more. */
const LONGEST = 65_537;

/**
 * The same for one that may have several lines: typed at a terminal, twice, as one line; else all of stdin, but
 * for the end of its last line. @throws UsageError when there is none
 */
export async function readSecretText(what: string): Promise<string> {
  if (process.stdin.isTTY) return readSecret({ what, twice: true });
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let text = "";
  try {
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length > LONGEST + 1) break;
    }
    text += decoder.decode();
  } catch {
    throw new UsageError(`Cannot read ${what}: what is on stdin is no text in UTF-8`);
  }
  const secret = text.replace(/\r?\n$/, "");
  if (secret !== "") return secret;
  throw new UsageError(
    `Cannot read ${what}: there is none: type it at a terminal, or give it on stdin`,
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Asks at the terminal and shows nothing of the answer; undefined when that is ended with Ctrl+D. */
async function ask(question: string): Promise<string | undefined> {
  const { stdin, stderr } = process;
  // It writes what is typed to where nobody looks.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: nowhere, terminal: true, historySize: 0 });
  // Only now, when the terminal shows nothing more of what is typed.
  stderr.write(question);
  try {
    return await new Promise((resolve) => {
      lines.once("line", resolve);
      lines.once("close", () => resolve(undefined));
      lines.once("SIGINT", () => {
        stderr.write("\n");
        lines.close();
        // As if it had not been caught.
        process.kill(process.pid, "SIGINT");
      });
    });
  } finally {
    lines.close();
    stderr.write("\n");
  }
}

let lines: AsyncIterator<string> | undefined;

/** The next line of stdin; undefined after the last one. Nothing waits for what may follow it. */
async function nextLine(): Promise<string | undefined> {
  const stdin: Partial<Pick<Socket, "ref" | "unref">> = process.stdin;
  lines ??= createInterface({ input: process.stdin, crlfDelay: Infinity })[Symbol.asyncIterator]();
  stdin.ref?.();
  try {
    const { done, value } = await lines.next();
    return done === true ? undefined : value;
  } finally {
    stdin.unref?.();
  }
}
