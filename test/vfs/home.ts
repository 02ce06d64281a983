import { createRuntime, defineAgent, defineRuntime } from "../../src/index.ts";
import type { AgentOptions, Context, Limits, Runtime, TickRecord } from "../../src/index.ts";
import type { FileService, Signer, Store, WriteOptions } from "../../src/core/ports/index.ts";
import { agentMemory } from "../../src/memory/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { manualClock } from "../../src/testing/index.ts";
import type { ManualClock } from "../../src/testing/index.ts";
import { agentTree } from "../../src/vfs/agent-tree.ts";
import type { MountKinds } from "../../src/vfs/mount-kind.ts";
import { scratch } from "../../src/vfs/scratch.ts";
import { signer as usual, START } from "../core/setting.ts";

/** JSON of which the test knows what is in it. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Loose = any;

export interface FileHome {
  readonly clock: ManualClock;
  readonly store: Store;
  readonly runtime: Runtime;
  /** The agent's tree from outside, as the admin's. */
  readonly files: FileService;
  /** Has the agent do something in a tick of its own. */
  readonly tick: (work: (ctx: Context) => unknown) => Promise<TickRecord>;
  /** Waits for something while what is due is done. */
  readonly within: <T>(work: Promise<T>) => Promise<T>;
  readonly read: (path: string) => Promise<string>;
  readonly json: (path: string) => Promise<Loose>;
  readonly write: (path: string, text: string, options?: WriteOptions) => Promise<string>;
  /** All names in a directory, those of directories with a "/" at the end. */
  readonly names: (path: string) => Promise<readonly string[]>;
}

/** A home with one agent, "ada", that does in its ticks what the test has it do. */
export async function fileHome(
  options: {
    readonly agent?: Partial<AgentOptions>;
    readonly kinds?: MountKinds;
    readonly limits?: Partial<Limits>;
    readonly store?: Store;
    /** Default: that of other tests. */
    readonly signer?: Signer;
  } = {},
): Promise<FileHome> {
  const { store = memoryStore(), limits = {}, signer = usual } = options;
  const clock = manualClock(START);
  let todo: (ctx: Context) => unknown = () => undefined;
  const agent = defineAgent({
    name: "worker",
    retry: { retries: 0 },
    onMessage: async (ctx) => void (await todo(ctx)),
    ...options.agent,
  });
  const definition = defineRuntime({
    agents: [agent],
    ensure: [{ name: "ada", type: "worker" }],
    relays: ["wss://relay.example"],
    limits,
  });
  const tree = agentTree({ scratch: () => scratch({}, clock), ...options.kinds });
  const runtime = createRuntime({ definition, store, signer, clock, tree, memory: agentMemory });
  await runtime.start();
  await clock.advance(0);
  const within = async <T>(work: Promise<T>): Promise<T> => {
    const going = new Set([work]);
    const end = (): unknown => going.delete(work);
    work.then(end, end);
    for (let i = 0; i < 1000 && going.size > 0; i += 1) await clock.advance(0);
    return work;
  };
  const files = runtime.fs("ada");
  const read = async (path: string): Promise<string> =>
    new TextDecoder().decode(await files.read(path));
  return {
    clock,
    store,
    runtime,
    files,
    within,
    read,
    json: async (path) => JSON.parse(await read(path)),
    write: async (path, text, how) =>
      (await within(files.write(path, new TextEncoder().encode(text), how))).path,
    async names(path) {
      const found: string[] = [];
      for (let cursor: string | undefined; ;) {
        const page = await files.list(path, { cursor });
        found.push(...page.items.map(({ name, kind }) => name + (kind === "file" ? "" : "/")));
        cursor = page.cursor;
        if (cursor === undefined) return found;
      }
    },
    async tick(work) {
      todo = work;
      await runtime.send("ada", { payload: "go" });
      await clock.advance(0);
      return (await runtime.status("ada")).lastTick!;
    },
  };
}

/** For `assert.rejects`: an error of files of this name, that says this. */
export function errno(name: string, message?: RegExp): (error: unknown) => boolean {
  return (error) => {
    const { errno: got, message: said } = error as { errno?: string; message: string };
    if (got !== name) throw new Error(`expected ${name}, got ${String(got)}: ${said}`);
    if (message !== undefined && !message.test(said)) throw new Error(`not as expected: ${said}`);
    return true;
  };
}
