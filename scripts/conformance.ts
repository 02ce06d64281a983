// Runs the conformance suites on every backend and prints a table of guarantee and backend.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BackendFixture, ConformanceCase } from "../src/testing/index.ts";
import { canMount } from "../src/mounts/fuse.ts";
import {
  backendConformance,
  fileServiceConformance,
  storeConformance,
} from "../src/testing/index.ts";
import { sqlite } from "../src/stores/sqlite.ts";
import { agentdBackend } from "./agentd-backend.ts";
import { cloudflareBackend } from "./cloudflare-backend.ts";
import { startWorkerd } from "./workerd.ts";

/** A running backend of the suite. */
interface Shared extends AsyncDisposable {
  readonly fixture: BackendFixture;
}

interface Backend {
  readonly name: string;
  /** Starts the backend as its users have it: a process of its own, behind the control API. */
  readonly start: () => Promise<Shared>;
  /** Runs a case of the store suite; what went wrong, or nothing. */
  readonly stores: () => Promise<StoreRunner>;
  /** What of files it does not have, and why. */
  readonly without: Readonly<Partial<Record<keyof typeof ONLY_SOME, string>>>;
}

/** What not every home can have, and where it is proven. */
const ONLY_SOME = {
  "kernel mount": "test/mounts, test/cli/mount.test.ts",
  "host directories": "test/mounts",
} as const;

interface StoreRunner extends AsyncDisposable {
  readonly run: (name: string) => Promise<string>;
}

/** The backends there are. */
const BACKENDS: readonly Backend[] = [
  { name: "local", start: agentdBackend, stores: sqliteRunner, without: localLacks() },
  {
    name: "cloudflare",
    start: cloudflareBackend,
    stores: objectRunner,
    without: {
      "kernel mount": "agentctl mount",
      "host directories": "no directories",
    },
  },
];

interface Result {
  readonly backend: string;
  readonly guarantee: string;
  readonly ok: boolean;
  readonly skipped?: string;
  /** How many cases there were. */
  readonly cases: number;
}

const json = process.argv.includes("--json");
const results: Result[] = [];
for (const backend of BACKENDS) {
  results.push(await storesOf(backend));
  results.push(...(await guaranteesOf(backend)));
}
if (json) {
  const rows = results.map(({ cases: _cases, ...row }) => row);
  process.stdout.write(`${JSON.stringify(rows)}\n`);
} else print();
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;

async function guaranteesOf({ name, start, without }: Backend): Promise<Result[]> {
  await using shared = await start();
  const files = await filesOf(name, shared);
  const byGuarantee = new Map<string, string[]>();
  for (const one of backendConformance(async () => shared.fixture)) {
    const failures = byGuarantee.get(one.guarantee) ?? [];
    byGuarantee.set(one.guarantee, [...failures, await failureOf(one)]);
  }
  const known = [...byGuarantee].map(([guarantee, failures]) => ({
    backend: name,
    guarantee,
    ok: failures.every((failure) => failure === ""),
    cases: failures.length,
  }));
  const some = Object.entries(ONLY_SOME).map(([guarantee, where]) => {
    const skipped = without[guarantee as keyof typeof ONLY_SOME] ?? `see ${where}`;
    return { backend: name, guarantee, ok: true, cases: 0, skipped };
  });
  return [files, ...known, ...some];
}

/** The suite of file services, over what an agent of the home keeps, as a client has it. */
async function filesOf(backend: string, { fixture }: Shared): Promise<Result> {
  const { runtime } = fixture;
  await runtime.create({ name: "keeps-files", type: "librarian" });
  let made = 0;
  const cases = fileServiceConformance(
    async () => {
      made += 1;
      const files = runtime.fs("keeps-files");
      const root = `/memory/files/${made}`;
      await files.makeDirectory?.(root);
      return { files, root, dispose: async () => undefined };
    },
    {
      without: {
        parents: "Directories are made with the files in them",
        ranges: "What an agent keeps is written as a whole",
        exchange: "What an agent keeps does not answer",
        stream: "What an agent keeps is no stream",
      },
    },
  ).filter(({ skip }) => skip === undefined);
  const failures: string[] = [];
  for (const one of cases) failures.push(await failureOf(one));
  const ok = failures.every((failure) => failure === "");
  return { backend, guarantee: "file service", ok, cases: cases.length };
}

/** Where nothing can be mounted, it says why. */
function localLacks(): Backend["without"] {
  const why = canMount();
  return why === undefined ? {} : { "kernel mount": why };
}

async function storesOf({ name, stores }: Backend): Promise<Result> {
  await using runner = await stores();
  const names = storeConformance(() => Promise.reject(new Error("Runs elsewhere"))).map(
    (one) => one.name,
  );
  let ok = true;
  for (const one of names) {
    const failure = await runner.run(one);
    if (failure === "") continue;
    ok = false;
    say(`${name}: store: ${one}: ${failure}`);
  }
  return { backend: name, guarantee: "store", ok, cases: names.length };
}

async function failureOf({ name, run }: ConformanceCase): Promise<string> {
  try {
    await run();
    return "";
  } catch (error) {
    const failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    say(`${name}: ${failure}`);
    return failure;
  }
}

async function sqliteRunner(): Promise<StoreRunner> {
  const root = mkdtempSync(join(tmpdir(), "openagents-conformance-"));
  let made = 0;
  const cases = storeConformance(async () => {
    made += 1;
    const path = join(root, `${made}.db`);
    let store = sqlite(path);
    return {
      store,
      async reopen() {
        await store.close();
        store = sqlite(path);
        return store;
      },
      dispose: () => store.close(),
    };
  });
  return {
    async run(name) {
      return failureOf(cases.find((one) => one.name === name)!);
    },
    async [Symbol.asyncDispose]() {
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** Runs the cases inside Durable Objects. */
async function objectRunner(): Promise<StoreRunner> {
  const entry = "test/cloudflare/store.worker.ts";
  const worker = await startWorkerd({ entry, objects: { STORE: "StoreObject" } });
  return {
    async run(name) {
      return (await worker.fetch(`/?case=${encodeURIComponent(name)}`)).text();
    },
    [Symbol.asyncDispose]: () => worker[Symbol.asyncDispose](),
  };
}

function print(): void {
  const guarantees = [...new Set(results.map(({ guarantee }) => guarantee))];
  const line = (cells: readonly string[]): void => {
    process.stdout.write(
      `${cells
        .map((cell, i) => cell.padEnd(i === 0 ? 24 : 44))
        .join("")
        .trimEnd()}\n`,
    );
  };
  line(["guarantee", ...BACKENDS.map(({ name }) => name)]);
  for (const guarantee of guarantees) {
    line([guarantee, ...BACKENDS.map(({ name }) => cell(name, guarantee))]);
  }
}

function cell(backend: string, guarantee: string): string {
  const row = results.find((one) => one.backend === backend && one.guarantee === guarantee);
  if (row === undefined) return "-";
  if (row.skipped !== undefined) return `skip: ${row.skipped}`;
  return `${row.ok ? "ok" : "FAILED"} (${row.cases})`;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
