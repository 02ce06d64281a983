import { open } from "node:fs/promises";
import { constants } from "node:os";

// Many readers of files that say nothing: each waits in the kernel, in a thread of its own, as `cat` would in
// a process. `parked-readers.ts COUNT PATH…`; says "parked" and stays until it is killed.

const [count, ...paths] = process.argv.slice(2);
const buffer = Buffer.alloc(4096);
const files = await Promise.all(
  Array.from({ length: Number(count) }, (_, i) => open(paths[i % paths.length]!, "r")),
);
for (const file of files) void file.read(buffer, 0, buffer.length).catch(() => undefined);
process.stdout.write("parked\n");
process.on("SIGTERM", () => process.kill(process.pid, constants.signals.SIGKILL));
