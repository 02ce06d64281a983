// OPENAGENTS_URL=http://… OPENAGENTS_TOKEN=… npx node examples/assistant/chat.ts
// A chat in a terminal with an assistant that is anywhere, over its WebSocket.
import { createInterface } from "node:readline";
import { agentSocket } from "@openagents/runtime/client";
import type { EventFrame } from "@openagents/runtime/client";

/** What is read here of the events of an agent's stream. */
interface Told {
  readonly envelope: string;
  readonly key?: string;
  readonly kind?: string;
  readonly text?: string;
  readonly payload?: unknown;
  readonly outcome?: string;
  readonly record?: { readonly error?: { readonly message: string } };
}

const EVENTS = ["tick_start", "delta", "reply", "tick_end"] as const;

/** Sends each line of stdin, and prints what the assistant writes as it writes it, until there are no more lines. */
export async function chat(url: string, token: string): Promise<void> {
  const { stdin, stdout } = process;
  const isTerminal = stdin.isTTY && stdout.isTTY;
  const lines = createInterface({
    input: stdin,
    ...(isTerminal && { output: stdout, prompt: "you: " }),
  });
  const screen = new Screen((text) => stdout.write(text), isTerminal);
  /** By the id of a message: what waits until it is dealt with. */
  const waiting = new Map<string, () => void>();
  let isOver = false;
  const prompt = (preserveCursor = false): void => {
    if (isTerminal && !isOver) lines.prompt(preserveCursor);
  };
  const onEvent = ({ event, data }: EventFrame): void => {
    const told = data as unknown as Told;
    screen.show(event, told);
    if (event !== "tick_end" || told.outcome === "parked" || told.outcome === "retry") return;
    const answered = waiting.get(told.envelope);
    waiting.delete(told.envelope);
    if (answered !== undefined) answered();
    // An alarm went off while somebody was typing.
    else prompt(true);
  };
  const socket = agentSocket({ url, token, agent: "assistant", events: EVENTS, onEvent });
  lines.once("close", () => {
    isOver = true;
  });
  // Ctrl-C, also while the assistant is at it.
  const left = new Promise<void>((resolve) => {
    lines.once("SIGINT", () => {
      lines.close();
      resolve();
    });
  });
  if (isTerminal) stdout.write("Ctrl-D ends the chat.\n");
  prompt();
  try {
    for await (const line of lines) {
      if (line.trim() !== "") {
        if (!isTerminal) stdout.write(`you: ${line}\n`);
        const id = crypto.randomUUID();
        const answered = new Promise<void>((resolve) => void waiting.set(id, resolve));
        await socket.send({ id, payload: line });
        await Promise.race([answered, socket.closed, left]);
      }
      prompt();
    }
  } finally {
    socket.close();
  }
}

/** What the assistant says, in lines of its own. */
class Screen {
  readonly #write: (text: string) => void;
  readonly #begin: string;
  /** The step whose text is in the line that is not ended, and that text. */
  #key: string | undefined;
  #text = "";

  constructor(write: (text: string) => void, isTerminal: boolean) {
    this.#write = write;
    // In a terminal what stands in the line already is the prompt.
    this.#begin = `${isTerminal ? "\r\x1b[K" : ""}assistant: `;
  }

  show(event: string, { key, kind, text = "", payload, outcome, record }: Told): void {
    if (event === "delta" && kind === "text") this.#add(text, key);
    // What was written does not count: the model, or all of the tick, is tried again.
    else if (event === "tick_start" || kind === "void") this.#end();
    // What was not written by the model, such as that it did not come to an end.
    else if (event === "reply" && payload !== this.#text) this.#add(String(payload));
    else if (event === "tick_end" && outcome === "failed") {
      this.#add(`(That went wrong: ${record?.error?.message})`);
    }
    if (event === "tick_end") this.#end();
  }

  #add(text: string, key = "reply"): void {
    if (key !== this.#key) {
      this.#end();
      this.#write(this.#begin);
      this.#key = key;
    }
    this.#text += text;
    // A model's words are not to steer the terminal.
    this.#write(text.replaceAll(/[^\P{Cc}\n\t]/gu, ""));
  }

  #end(): void {
    if (this.#key !== undefined) this.#write("\n");
    this.#key = undefined;
    this.#text = "";
  }
}

if (import.meta.main) {
  const { OPENAGENTS_URL: url, OPENAGENTS_TOKEN: token } = process.env;
  if (!url || !token) throw new Error("Cannot chat: set OPENAGENTS_URL and OPENAGENTS_TOKEN");
  await chat(url, token);
}
