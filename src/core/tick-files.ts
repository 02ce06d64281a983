import { base64 } from "@scure/base";
import { able } from "./able.ts";
import type { Context, ContextFiles } from "./context.ts";
import { errorInfo } from "./errors.ts";
import { errnoOf, FileError } from "./file-error.ts";
import type { AgentTree } from "./ports/agent-face.ts";
import type { FileService } from "./ports/files.ts";
import type { StepNote } from "./trajectory.ts";

/** What the files of a tick are made over. */
export interface TickFilesParts {
  readonly tree: () => AgentTree;
  readonly step: Context["step"];
  readonly signal: () => AbortSignal;
  /** Throws once the tick is over. */
  readonly check: () => void;
  /** Puts on the record what was refused. */
  readonly note: (note: StepNote) => void;
}

/** How a result is kept in the journal. */
interface Codec<T> {
  readonly to: (value: T) => unknown;
  readonly from: (kept: unknown) => T;
}

const asIs = <T>(): Codec<T> => ({ to: (value) => value, from: (kept) => kept as T });
const BYTES: Codec<Uint8Array> = {
  to: (value) => base64.encode(value),
  from: (kept) => base64.decode(kept as string),
};

/** So many refusals of a tick are on its record; one in a loop must not fill it. */
const NOTED = 100;
/** Steps have names of at most 500 characters. */
const SHOWN = 400;

/** The files of an agent as its code has them in a tick. */
export class TickFiles implements ContextFiles {
  readonly #parts: TickFilesParts;
  #noted = 0;

  constructor(parts: TickFilesParts) {
    this.#parts = parts;
    Object.freeze(this);
  }

  async read(path: string): Promise<string> {
    return textOf(await this.bytes(path), path);
  }

  bytes(path: string, range?: Parameters<ContextFiles["bytes"]>[1]): Promise<Uint8Array> {
    return this.#use("read", path, { run: (tree) => tree.read(path, range), codec: BYTES });
  }

  write(
    path: string,
    data: string | Uint8Array,
    options?: Parameters<ContextFiles["write"]>[2],
  ): Promise<string> {
    const run = async (tree: AgentTree): Promise<string> =>
      (await tree.write(path, bytesOf(data), options)).path;
    return this.#use("write", path, { run, codec: asIs<string>() });
  }

  list(
    path: string,
    query?: Parameters<ContextFiles["list"]>[1],
  ): ReturnType<ContextFiles["list"]> {
    return this.#use("list", path, { run: (tree) => tree.list(path, query), codec: asIs() });
  }

  stat(path: string): ReturnType<ContextFiles["stat"]> {
    return this.#use("stat", path, { run: (tree) => tree.stat(path), codec: asIs() });
  }

  remove(path: string): Promise<void> {
    return this.#use("remove", path, { run: (tree) => tree.remove(path), codec: asIs<void>() });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#use("rename", from, { run: (tree) => tree.rename(from, to), codec: asIs<void>() });
  }

  makeDirectory(path: string): Promise<void> {
    const run = async (tree: AgentTree): Promise<void> => able(tree, "makeDirectory", path)(path);
    return this.#use("makeDirectory", path, { run, codec: asIs<void>() });
  }

  async exchange(path: string, data: string | Uint8Array): Promise<string> {
    const run = async (tree: AgentTree): Promise<string> => {
      return textOf(await able(tree, "exchange", path)(path, bytesOf(data)), path);
    };
    return this.#use("exchange", path, { run, codec: asIs<string>() });
  }

  async *watch(path: string): AsyncIterable<string> {
    const run = async (): Promise<void> => {
      if ((await this.#parts.tree().place(path)) === "outside") return;
      throw new FileError(
        "ENOTSUP",
        `Cannot watch "${path}": what the agent has changes in its ticks`,
      );
    };
    await this.#use("watch", path, { run, codec: asIs<void>() });
    let changes: AsyncIterator<string> | undefined;
    for (;;) {
      const change = await this.#parts.step(`fs:change:${shown(path)}`, async () => {
        changes ??= this.#parts.tree().watch(path, this.#parts.signal())[Symbol.asyncIterator]();
        const { done, value } = await changes.next();
        return done === true ? null : value;
      });
      if (change === null) return;
      yield change;
    }
  }

  /** What is the agent's own is done at once and with the tick; what is outside, as a step. */
  async #use<T>(
    act: keyof FileService,
    path: string,
    { run, codec }: { readonly run: (tree: AgentTree) => Promise<T>; readonly codec: Codec<T> },
  ): Promise<T> {
    const { tree: open, step, check, note } = this.#parts;
    check();
    const name = `fs:${act}:${shown(path)}`;
    const tree = open();
    let place: Awaited<ReturnType<AgentTree["place"]>> = "nowhere";
    try {
      place = await tree.place(path);
      check();
      if (place !== "outside") return await run(tree);
    } catch (error) {
      const refused = place === "nowhere" || errnoOf(error) === "EACCES";
      if (refused && this.#noted < NOTED) {
        this.#noted += 1;
        note({ key: name, ms: 0, error: errorInfo(error) });
      }
      throw error;
    }
    return codec.from(await step(name, async () => codec.to(await run(tree))));
  }
}

/** A path in the name of a step. */
function shown(path: unknown): string {
  return String(path).toWellFormed().slice(0, SHOWN);
}

function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? new TextEncoder().encode(data) : data;
}

function textOf(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new FileError(
      "EINVAL",
      `Cannot read "${path}" as text: it is no UTF-8, use ctx.fs.bytes`,
    );
  }
}
