// A process that is weighed: `node --expose-gc scheduled.ts HOME` runs the schedules of a home, none of
// which is due, and prints its RSS in bytes.
import { systemClock } from "../src/core/system.ts";
import { scheduler } from "../src/drivers/scheduler.ts";
import { sqliteHomeFiles } from "../src/stores/sqlite.ts";

const files = sqliteHomeFiles(process.argv[2] ?? "");
const running = scheduler({ files, clock: systemClock, deliver: async () => [] });
running.start();
for (let i = 0; i < 5; i += 1) {
  await running.takeUp(Date.now());
  globalThis.gc?.();
  await new Promise((resolve) => setTimeout(resolve, 20));
}
process.stdout.write(String(process.memoryUsage.rss()));
await running.stop();
await files.close();
