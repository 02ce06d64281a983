import { defineAgent } from "@openagents/runtime";

interface Item {
  readonly title: string;
  readonly link: string;
}

/** What a watcher writes. */
interface News {
  readonly source: string;
  readonly news: readonly Item[];
}

/** Keeps a digest of what watchers tell it, and shows it to anybody else who writes. */
export const reader = defineAgent({
  name: "reader",
  state: { digest: [] as Item[] },

  async onMessage(ctx, message) {
    const { source, news } = message.payload as Partial<News>;
    if (news === undefined) {
      const lines = ctx.state.digest.map(({ title, link }) => `${title} (${link})`);
      await ctx.reply(lines.join("\n") || "Nothing yet");
      return;
    }
    ctx.state.digest = [...news, ...ctx.state.digest].slice(0, 100);
    ctx.broadcast("news", { source, titles: news.map(({ title }) => title) });
  },
});
