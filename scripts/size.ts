// Prints the gzipped bytes of a Worker of one agent: the kernel, its Cloudflare home and the agent.
import { gzipSync } from "node:zlib";
import { bundle } from "./workerd.ts";

/** Users who have no agent with such a model have not installed them, and then they are in no Worker. */
const OPTIONAL = ["anthropic", "google", "openai", "openai-compatible"].map(
  (name) => `@ai-sdk/${name}`,
);

const text = await bundle("scripts/one-agent.worker.ts", {
  minify: true,
  alias: Object.fromEntries(OPTIONAL.map((name) => [name, `${name}-not-installed`])),
});
process.stdout.write(`${gzipSync(text, { level: 9 }).length}\n`);
