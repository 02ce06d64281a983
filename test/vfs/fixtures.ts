import { fileServiceConformance } from "../../src/testing/file-service-conformance.ts";
import type {
  FileCapability,
  FileServiceFixture,
} from "../../src/testing/file-service-conformance.ts";
import type { ConformanceCase } from "../../src/testing/store-conformance.ts";
import type { FileService } from "../../src/core/ports/files.ts";
import { namespace } from "../../src/vfs/namespace.ts";
import { nodeService } from "../../src/vfs/nodes.ts";
import { nodeTree } from "./node-tree.ts";
import { scratch } from "../../src/vfs/scratch.ts";
import { union } from "../../src/vfs/union.ts";

const clock = { now: () => 1_760_000_000_000 };

/** A scratch of the usual size. */
export function newScratch(): FileService {
  return scratch({}, clock);
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A file that says what it is told in capitals. */
export function loud(): FileService {
  return nodeService({
    exchange: async (data) => new TextDecoder().decode(data).toUpperCase(),
  });
}

/** A file to which a line comes whenever `grow` is called. */
export function growing(): { readonly service: FileService; readonly grow: () => Promise<void> } {
  let lines = 0;
  let grown = Promise.withResolvers<void>();
  return {
    grow: async () => {
      lines += 1;
      grown.resolve();
      grown = Promise.withResolvers();
    },
    service: nodeService({
      async *follow(signal) {
        const stop = Promise.withResolvers<void>();
        signal.addEventListener("abort", () => stop.resolve(), { once: true });
        for (let from = lines; !signal.aborted; from = lines) {
          if (from === lines) await Promise.race([grown.promise, stop.promise]);
          for (let line = from; line < lines; line += 1) yield `line ${line}\n`;
        }
      },
    }),
  };
}

const PLAIN = {
  exchange: "Files in memory do not answer",
  stream: "Files in memory are no streams",
} as const;

async function dispose(): Promise<void> {}

async function readOnly(): Promise<FileServiceFixture> {
  const files = newScratch();
  const data = bytes("it is there\n");
  await files.makeDirectory!("/d");
  await files.write("/d/given", data);
  const mounts = [{ path: "/fs/ro", service: files, access: "read-only" }] as const;
  const given = { path: "/fs/ro/d/given", data };
  return { files: namespace(mounts), root: "/fs/ro/d", given, dispose };
}

async function everything(): Promise<FileServiceFixture> {
  const { service, grow } = growing();
  const files = namespace([
    { path: "/", service: newScratch(), access: "read-write" },
    { path: "/fs/work", service: newScratch(), access: "read-write" },
    { path: "/identity/loud", service: loud(), access: "read-write" },
    { path: "/logs/trace", service, access: "read-only" },
  ]);
  const rounds = [
    [bytes("a"), bytes("A")],
    [bytes("bc"), bytes("BC")],
  ] as const;
  return {
    files,
    root: "/fs/work",
    exchange: { path: "/identity/loud", rounds },
    stream: { path: "/logs/trace", grow },
    dispose,
  };
}

type Without = Partial<Record<FileCapability, string>>;

const SUITES: Readonly<Record<string, readonly [() => Promise<FileServiceFixture>, Without]>> = {
  scratch: [async () => ({ files: newScratch(), dispose }), PLAIN],
  "scratch at the root": [
    async () => ({
      files: namespace([{ path: "/", service: newScratch(), access: "read-write" }]),
      dispose,
    }),
    PLAIN,
  ],
  "many mounts": [everything, {}],
  "a budgeted mount": [
    async () => {
      const budget = { writes: 1_000_000, per: 1000 };
      const service = newScratch();
      const mount = { path: "/fs/b", service, access: "budgeted", budget } as const;
      return { files: namespace([mount]), root: "/fs/b", dispose };
    },
    PLAIN,
  ],
  "a read-only mount": [readOnly, { ...PLAIN, write: "It is mounted so" }],
  nodes: [
    async () => ({ files: nodeTree(), dispose }),
    { ...PLAIN, ranges: "What nodes have is written as a whole" },
  ],
  union: [async () => ({ files: union([newScratch(), newScratch()]), dispose }), PLAIN],
  "a union whose first cannot be written": [
    async () => {
      const first = namespace([{ path: "/", service: newScratch(), access: "read-only" }]);
      const service = [first, newScratch()];
      const files = namespace([{ path: "/fs/u", service, access: "read-write" }]);
      return { files, root: "/fs/u", dispose };
    },
    PLAIN,
  ],
};

/** The suite over all that is made of nothing but memory. */
export function memorySuites(): readonly ConformanceCase[] {
  return Object.entries(SUITES).flatMap(([title, [make, without]]) =>
    fileServiceConformance(make, { without }).map((one) => ({
      ...one,
      name: `${title}: ${one.name}`,
    })),
  );
}
