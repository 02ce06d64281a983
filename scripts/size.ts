// Prints the gzipped bytes of a Worker of one agent: the kernel, its Cloudflare home and the agent.
import { gzipSync } from "node:zlib";
import { bundle } from "./workerd.ts";

const text = await bundle("scripts/one-agent.worker.ts", { minify: true });
process.stdout.write(`${gzipSync(text, { level: 9 }).length}\n`);
