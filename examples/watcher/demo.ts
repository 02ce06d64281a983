// npm run example:watcher [-- --data DIR]
// Watches a feed and a git repository of its own making; both get something new while it looks on.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ask, until, withAgents } from "../demo.ts";

const titles = ["A first headline"];
const server = createServer((_request, response) => {
  const items = titles.map((title) => `<item><guid>${title}</guid><title>${title}</title></item>`);
  response.end(`<rss version="2.0"><channel>${items.toReversed().join("")}</channel></rss>`);
});
await new Promise<void>((resolve) => {
  server.listen(0, "127.0.0.1", resolve);
});
const feed = `http://127.0.0.1:${(server.address() as AddressInfo).port}/feed.xml`;

const repository = mkdtempSync(join(tmpdir(), "openagents-repository-"));
const git = (...args: string[]): void => {
  execFileSync("git", [
    "-C",
    repository,
    "-c",
    "user.name=Demo",
    "-c",
    "user.email=demo@localhost",
    ...args,
  ]);
};
const commit = (subject: string): void => git("commit", "--quiet", "--allow-empty", "-m", subject);

try {
  git("init", "--quiet");
  commit("Begin");
  await withAgents(async (runtime) => {
    for (const source of [feed, repository]) {
      // Every second, so that nobody has to wait.
      const order = { source, cron: "* * * * * *" };
      console.log(await ask(runtime, "watcher", order));
    }
    titles.push("Something has happened");
    commit("Do something new");
    console.log("Published one more headline and made one more commit …");
    const digest = await until(async () => {
      const text = await ask(runtime, "reader", "What is new?");
      return text.split("\n").length >= 4 ? text : undefined;
    });
    console.log(`The reader's digest:\n${digest}`);
    for (const source of [feed, repository]) {
      console.log(await ask(runtime, "watcher", { source, cron: null }));
    }
  });
} finally {
  server.close();
  server.closeAllConnections();
  rmSync(repository, { recursive: true });
}
