import { join } from "node:path";
import { createRuntime } from "../../src/core/create-runtime.ts";
import { defineAgent } from "../../src/core/definition.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";
import type { HomeFiles } from "../../src/core/ports/index.ts";
import { scheduler } from "../../src/drivers/scheduler.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { sqlite, sqliteHomeFiles } from "../../src/stores/sqlite.ts";

// A home in a process of its own, which takes up what is due at a time and prints what its agent has
// heard, unless it kills itself on the way: `node schedules.home.ts DIR NOW DEATH`.

const [, , dir, time, death] = process.argv as unknown as [string, string, string, string, string];
const now = Number(time);

const listener = defineAgent({
  name: "listener",
  state: { heard: [] as string[] },
  onAlarm(ctx, alarm) {
    ctx.state.heard.push(
      `${alarm.headers["schedule-due"]} ${alarm.headers["schedule-missed"] ?? 0}`,
    );
  },
});
const definition = defineRuntime({
  agents: [listener],
  ensure: [{ name: "listener", type: "listener" }],
});
const runtime = createRuntime({
  definition,
  store: sqlite(join(dir, "agents.db")),
  signer: derivedSigner(
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about",
  ),
});
const die = (at: string): void => {
  if (death === at) process.kill(process.pid, "SIGKILL");
};
const stored = sqliteHomeFiles(join(dir, "home.db"));
const files: HomeFiles = {
  ...stored,
  read: (path) => stored.read(path),
  list: (query) => stored.list(query),
  async write(change) {
    const written = await stored.write(change);
    if (change.put?.some(({ path }) => path === "scheduler/mark")) die("marked");
    if (change.put?.some(({ value }) => value.includes('"fired":'))) die("advanced");
    return written;
  },
  close: () => stored.close(),
};
const schedules = scheduler({
  files,
  clock: { now: () => now, after: () => () => undefined },
  async deliver(mail) {
    const receipts = await runtime.accept(mail);
    die("delivered");
    return receipts;
  },
});
// The kernel's timers let the process end.
const alive = setInterval(() => {}, 60_000);
await runtime.start();
if (death === "create") {
  await schedules.create({ id: "tick", agent: "listener", every: "1m", missed: "once" });
} else {
  await schedules.takeUp(now);
  await runtime.settled();
  process.stdout.write(JSON.stringify((await runtime.state("listener"))["heard"] ?? []));
}
await runtime.stop();
await files.close();
clearInterval(alive);
