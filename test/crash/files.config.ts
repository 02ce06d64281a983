import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { defineAgent, defineRuntime } from "../../src/index.ts";

/** Where the mount leads to, as the environment names it; what the agent was told is noted beside it. */
const OUTSIDE = process.env["TEST_OUTSIDE"] ?? "";
const NOTES = process.env["TEST_NOTES"] ?? "";

/** Leaves a line outside and one in its own files for each message, and notes how many there were then. */
const filer = defineAgent({
  name: "filer",
  state: { got: [] as string[] },
  inbox: { depth: 100_000 },
  mounts: [{ path: "/fs/out", kind: "host", source: ".", access: "read-write" }],
  async onMessage(ctx, { text }) {
    await ctx.fs.write(`/fs/out/${text}`, "x", { at: "end" });
    const { length } = readFileSync(join(OUTSIDE, text), "utf8");
    appendFileSync(NOTES, `${text} ${length}\n`);
    await sleep(3);
    await ctx.fs.write("/memory/files/log", `${text}\n`, { at: "end" });
    await ctx.fs.write(`/memory/files/each/${text}`, await ctx.fs.read(`/fs/out/${text}`));
    ctx.state.got.push(text);
  },
});

export default defineRuntime({
  agents: [filer],
  ensure: [{ name: "filer", type: "filer" }],
});
