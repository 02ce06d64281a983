import { webhooks } from "../../../src/control/webhooks.ts";
import { systemClock, systemRandom } from "../../../src/index.ts";
import { sqliteHomeFiles } from "../../../src/stores/sqlite.ts";
import { ticks } from "./setting.ts";

/**
 * Notes ten ticks, says so, and begins to send: the receiver never answers, so it is killed in the middle.
 */
const [file, url] = process.argv.slice(2) as [string, string];
const hooks = webhooks({
  files: sqliteHomeFiles(file),
  clock: systemClock,
  random: systemRandom,
  allowPrivate: true,
  post: async (posting) => {
    const response = await fetch(posting.url, {
      method: "POST",
      headers: { ...posting.headers },
      body: posting.body,
    });
    return { status: response.status };
  },
});
await hooks.create({ url, events: ["agent.tick.*"] });
const now = Date.now();
await hooks.notice(ticks(1, 10).map((tick) => ({ ...tick, record: { ...tick.record, at: now } })));
process.stdout.write("noted\n");
setInterval(() => {}, 1000);
await hooks.takeUp();
