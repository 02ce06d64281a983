// A process that is weighed: `node --expose-gc held.ts STORE TICKS AGENTS` starts a runtime on a
// store, has so many agents tick so many times in all, and prints its RSS in bytes.
import { sqlite } from "../src/stores/sqlite.ts";
import { nameOf, startRuntime, tell } from "./in-process.ts";
import { flight } from "./measure.ts";

const [path = "", ticks = "0", agents = "1"] = process.argv.slice(2);
// A small page cache, which is full in every process that is compared.
const runtime = await startRuntime(sqlite(path, { cacheMiB: 2 }));
await flight({ count: Number(ticks), inFlight: 32 }, (i) =>
  tell(runtime, nameOf(i % Number(agents))),
);
for (let i = 0; i < 5; i += 1) {
  globalThis.gc?.();
  await new Promise((resolve) => setTimeout(resolve, 20));
}
process.stdout.write(String(process.memoryUsage.rss()));
await runtime.stop();
