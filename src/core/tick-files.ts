import { base64 } from "@scure/base";
import { able } from "./able.ts";
import type { ContextFiles, StepTools } from "./context.ts";
import { errorInfo, OpenAgentsError } from "./errors.ts";
import { errnoOf, FileError } from "./file-error.ts";
import type { Errno } from "./file-error.ts";
import type { AgentTree } from "./ports/agent-face.ts";
import type { FileService } from "./ports/files.ts";
import type { LaterStep } from "./steps.ts";
import type { StepNote } from "./trajectory.ts";

/** What the files of a tick are made over. */
export interface TickFilesParts {
  readonly tree: () => AgentTree;
  /** Takes the key of a step, in the order of the calls. */
  readonly later: (name: string) => LaterStep;
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
  /** Ends what is watched. */
  readonly #over = new AbortController();
  #noted = 0;
  /** Resolves when the use before is done, or is a step that goes on by itself. */
  #before: Promise<void> = Promise.resolve();

  constructor(parts: TickFilesParts) {
    this.#parts = parts;
    Object.freeze(this);
  }

  /** The tick ends: nothing is watched any more. */
  end(): void {
    this.#over.abort();
  }

  async read(path: string): Promise<string> {
    return textOf(await this.bytes(path), path);
  }

  bytes(path: string, range?: Parameters<ContextFiles["bytes"]>[1]): Promise<Uint8Array> {
    return this.#use("read", path, { run: (tree) => tree.read(path, range), codec: BYTES });
  }

  async write(
    path: string,
    data: string | Uint8Array,
    options?: Parameters<ContextFiles["write"]>[2],
  ): Promise<string> {
    this.#parts.check();
    const bytes = bytesOf(data, path);
    const run = async (tree: AgentTree): Promise<string> =>
      (await tree.write(path, bytes, options)).path;
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
    this.#parts.check();
    const bytes = bytesOf(data, path);
    const run = async (tree: AgentTree, step?: StepTools): Promise<string> => {
      return textOf(await able(tree, "exchange", path)(path, bytes, step), path);
    };
    const name = toolAt(path);
    return this.#use("exchange", path, { run, codec: asIs<string>(), name });
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
    const left = new AbortController();
    const signal = AbortSignal.any([left.signal, this.#over.signal]);
    let changes: AsyncIterator<string> | undefined;
    const next = async (): Promise<string | null> => {
      changes ??= this.#parts.tree().watch(path, signal)[Symbol.asyncIterator]();
      const { done, value } = await changes.next();
      if (done !== true) return value;
      // That the tick has ended is nothing that its next try should find.
      if (signal.aborted) throw new OpenAgentsError("CANCELLED", "The tick has ended");
      return null;
    };
    try {
      for (;;) {
        this.#parts.check();
        const change = await this.#parts.later(`fs:change:${shown(path)}`)(next, { keep: lasting });
        if (change === null) return;
        yield change;
      }
    } catch (error) {
      if (!this.#over.signal.aborted) throw error;
      this.#parts.check();
    } finally {
      left.abort();
    }
  }

  /**
   * What is the agent's own is done in the order of the calls, and with the tick; what is outside, as a
   * step.
   */
  async #use<T>(
    act: keyof FileService,
    path: string,
    {
      run,
      codec,
      name = `fs:${act}:${shown(path)}`,
    }: {
      readonly run: (tree: AgentTree, step?: StepTools) => Promise<T>;
      readonly codec: Codec<T>;
      /** Of the step that it is, if it is one. */
      readonly name?: string | undefined;
    },
  ): Promise<T> {
    const { tree: open, later, check, note } = this.#parts;
    check();
    const tree = open();
    const begin = later(name);
    const before = this.#before;
    const done = Promise.withResolvers<void>();
    this.#before = done.promise;
    await before;
    let place: Awaited<ReturnType<AgentTree["place"]>> = "nowhere";
    try {
      check();
      place = await tree.place(path);
      check();
      if (place !== "outside") return await run(tree);
    } catch (error) {
      check();
      const refused = place === "nowhere" || errnoOf(error) === "EACCES";
      if (refused && this.#noted < NOTED) {
        this.#noted += 1;
        note({ key: name, ms: 0, error: errorInfo(error) });
      }
      throw error;
    } finally {
      done.resolve();
    }
    const keep = (error: unknown): FileError | undefined =>
      isLimit(error) ? tooLarge(act, path) : lasting(error);
    return codec.from(await begin(async (step) => codec.to(await run(tree, step)), { keep }));
  }
}

/** Errors that say how it is outside, and not how it was for a moment. */
const LASTING: ReadonlySet<Errno> = new Set<Errno>([
  "ENOENT",
  "EACCES",
  "EROFS",
  "EEXIST",
  "ENOTEMPTY",
  "EINVAL",
  "ENOTDIR",
  "EISDIR",
  "ENAMETOOLONG",
  "ELOOP",
  "EXDEV",
  "EDEADLK",
  "EFBIG",
  "ENOTSUP",
  "ESTALE",
  "EREMOTEIO",
]);

/** What agent code decides by is there again when it is run again, also where it is an error. */
function lasting(error: unknown): FileError | undefined {
  return error instanceof FileError && LASTING.has(error.errno) ? error : undefined;
}

/** True where what came of a step cannot be journaled. */
function isLimit(error: unknown): boolean {
  return (
    error instanceof OpenAgentsError && error.code === "LIMIT" && !(error instanceof FileError)
  );
}

function tooLarge(act: string, path: string): FileError {
  const why = "what comes of it is above limits.valueBytes: ask for less, as a range or a page";
  return new FileError("EFBIG", `Cannot ${act} "${path}" in a tick: ${why}`);
}

/** The step that it is to ask a file below `/tools/`: the call of a tool, which streams tell as such. */
function toolAt(path: string): string | undefined {
  const [, tool] = /^\/tools\/([^/]+\/[^/].*)$/s.exec(path) ?? [];
  return tool === undefined ? undefined : `tool:${shown(tool)}`;
}

/** A path in the name of a step. */
function shown(path: unknown): string {
  return String(path).slice(0, SHOWN).toWellFormed();
}

/** A copy: what the caller does with its bytes from now on is not what was given. */
function bytesOf(data: unknown, path: string): Uint8Array {
  if (typeof data === "string") return new TextEncoder().encode(data);
  if (data instanceof Uint8Array) return new Uint8Array(data);
  throw new FileError("EINVAL", `Cannot use what "${path}" is given: it must be text or bytes`);
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
