import { defineAgent } from "@openagents/runtime";
import type { Context } from "@openagents/runtime";
import { readSource } from "./source.ts";

interface WatcherState extends Record<string, unknown> {
  /** By source, the ids of the entries that were seen, the newest first. */
  seen: Record<string, string[]>;
}

/** Enough to tell what is new in a source that shows its newest 50. */
const REMEMBERED = 500;

/** What it takes, or the source alone as text. With null for `cron` it watches it no longer. */
interface Order {
  readonly source?: string;
  readonly cron?: string | null;
}

/**
 * Watches feeds and git repositories: looks at each on a cron alarm of its own, and tells the reader
 * about what it has not seen before.
 */
export const watcher = defineAgent<WatcherState>({
  name: "watcher",
  state: { seen: {} },

  async onMessage(ctx, message) {
    const { source = message.text, cron = "*/10 * * * *" } = message.payload as Order;
    if (cron === null) {
      ctx.cancel(source);
      delete ctx.state.seen[source];
      await ctx.reply(`No longer watching ${source}`);
      return;
    }
    try {
      const count = await look(ctx, source);
      // The source is also the alarm's id: to name it again changes when it is looked at.
      ctx.schedule({ cron }, null, { id: source });
      await ctx.reply(`Watching ${source} at "${cron}": ${count} new`);
    } catch (error) {
      // What somebody else got wrong is answered; an error thrown would be the watcher's own.
      await ctx.reply(`Cannot watch ${source}: ${String(error)}`);
    }
  },

  async onAlarm(ctx, alarm) {
    try {
      await look(ctx, alarm.alarmId);
    } catch (error) {
      // A source may be away for days: no retries, the alarm comes again anyway.
      ctx.log.warn(`Cannot look at ${alarm.alarmId}: ${String(error)}`);
    }
  },
});

/** Tells the reader what is new in a source; how many entries. */
async function look(ctx: Context<WatcherState>, source: string): Promise<number> {
  const entries = await ctx.step(`read ${source}`, ({ signal }) => readSource(source, signal));
  const seen = ctx.state.seen[source] ?? [];
  const news = entries.filter(({ id }) => !seen.includes(id));
  if (news.length === 0) return 0;
  ctx.state.seen[source] = [...news.map(({ id }) => id), ...seen].slice(0, REMEMBERED);
  await ctx.send("reader", { source, news: news.map(({ title, link }) => ({ title, link })) });
  return news.length;
}
