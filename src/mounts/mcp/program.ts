import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/client";
import { Broken, TooLarge } from "./failures.ts";
import type { McpStart } from "./parts.ts";

/** What a program has of this process's environment. */
const GIVEN = ["PATH", "HOME"] as const;

/** How long a program may take to end by itself, to end when it is told to, and to say its last words, ms. */
const PATIENCE = { end: 2_000, stop: 1_000, words: 500 } as const;

/** What waits for a program to read it may be so many times what one message may. */
const WAITING = 32;

const NEWLINE = 0x0a;

/**
 * The way to a server that is a program, by its standard input and output. It is started by `start`, with no
 * shell and in a process group of its own, and it ends when its input does: also where this process is killed.
 */
export class ProgramTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  /** By its two members a client knows such a way from one over a network. */
  readonly stderr: null = null;
  readonly #start: McpStart;
  #child: ChildProcessWithoutNullStreams | undefined;
  readonly #ended = Promise.withResolvers<void>();
  /** Characters of answers to what the program asks, which it has not read. */
  #unread = 0;
  /** Of a message that is not whole yet. */
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(start: McpStart) {
    this.#start = start;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  async start(): Promise<void> {
    const { command, args = [], cwd, env, onError } = this.#start;
    const given = GIVEN.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value] as const];
    });
    const child = spawn(command, args, {
      env: { ...Object.fromEntries(given), ...env },
      cwd,
      // So that what it has started ends with it.
      detached: process.platform !== "win32",
      windowsHide: true,
    });
    this.#child = child;
    const decoder = new TextDecoder();
    child.stderr.on("data", (data: Buffer) => onError(decoder.decode(data, { stream: true })));
    child.stdout.on("data", (data: Buffer) => this.#take(data));
    const tell = (error: Error): void => this.onerror?.(error);
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on("error", tell);
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.on("error", (error) => {
        reject(new Error(`"${command}" does not start: ${error.message}`));
        this.#finish();
      });
    });
    child.once("close", () => this.#finish());
    // What it has started may hold its output open for ever.
    child.once("exit", () => setTimeout(() => this.#finish(), PATIENCE.words).unref());
  }

  /** Waits for the program where it reads slowly, and ends one that asks for more than it reads. */
  send(message: JSONRPCMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      const child = this.#child;
      if (child === undefined || !child.stdin.writable) {
        reject(new Error("its program has ended"));
        return;
      }
      const { most } = this.#start;
      if (child.stdin.writableLength > WAITING * most) {
        reject(new Error("its program does not read what it is told"));
        return;
      }
      const line = `${JSON.stringify(message)}\n`;
      // It alone says how many answers there are to what it asks.
      const unread = "method" in message ? 0 : line.length;
      this.#unread += unread;
      child.stdin.write(line, (error) => {
        this.#unread -= unread;
        if (error) reject(error);
        else resolve();
      });
      if (this.#unread > most)
        this.#kill(new Broken("its program asks, and does not read answers"));
    });
  }

  /** Has the program end, by force if it does not, and all that it has started. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const gone = new Promise<void>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve();
      child.once("exit", () => resolve());
      child.once("error", () => resolve());
    });
    child.stdin.end();
    if (!(await within(gone, PATIENCE.end))) {
      this.#signal("SIGTERM");
      if (!(await within(gone, PATIENCE.stop))) this.#signal("SIGKILL");
    }
    await gone;
    this.#signal("SIGKILL");
    this.#finish();
    await this.#ended.promise;
  }

  #signal(signal: NodeJS.Signals): void {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    try {
      if (process.platform === "win32") this.#child!.kill(signal);
      else process.kill(-pid, signal);
    } catch {
      // There is nobody left of them.
    }
  }

  #finish(): void {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    child.stdout.destroy();
    child.stderr.destroy();
    child.stdin.destroy();
    this.#ended.resolve();
    this.onclose?.();
  }

  /** Each byte is looked at once, however large a message is. */
  #take(data: Buffer): void {
    let from = 0;
    for (let end = data.indexOf(NEWLINE); end >= 0; end = data.indexOf(NEWLINE, from)) {
      this.#add(data.subarray(from, end));
      const line = Buffer.concat(this.#chunks).toString("utf8");
      const isWhole = this.#size <= this.#start.most;
      this.#chunks = [];
      this.#size = 0;
      from = end + 1;
      if (isWhole) this.#message(line);
    }
    this.#add(data.subarray(from));
  }

  #add(data: Buffer): void {
    const { most } = this.#start;
    this.#size += data.byteLength;
    if (this.#size <= most) {
      this.#chunks.push(data);
      return;
    }
    // It cannot be known whose answer it would have been.
    if (this.#chunks.length > 0) {
      this.#chunks = [];
      this.#kill(new TooLarge(most));
    }
  }

  #kill(why: Broken): void {
    this.onerror?.(why);
    this.#signal("SIGKILL");
    void this.close();
  }

  #message(line: string): void {
    if (line.trim() === "") return;
    let message: JSONRPCMessage;
    try {
      message = JSON.parse(line) as JSONRPCMessage;
    } catch {
      // There are programs that print what is no message, and is for people.
      this.#start.onError(`${line}\n`);
      return;
    }
    this.onmessage?.(message);
  }
}

/** True when it came to pass in time. */
async function within(what: Promise<void>, ms: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), ms);
  try {
    return await Promise.race([what.then(() => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
