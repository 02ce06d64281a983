// Runs one of the two programs under Node 24 or newer. Written so that an old Node can read it:
// `npx agentctl` may be typed with any Node first on PATH, and the pinned one is then beside us.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const NEEDED = 24;

export async function launch(program) {
  const entry = fileURLToPath(new URL(`../dist/cli/${program}.js`, import.meta.url));
  if (Number(process.versions.node.split(".")[0]) >= NEEDED) {
    process.argv[1] = entry;
    await import(entry);
    return;
  }
  const node = pinnedNode();
  if (node === undefined) {
    process.stderr.write(
      `Cannot run ${program}: Node ${process.versions.node} is too old, ${NEEDED} or newer is needed: ` +
        `install Node ${NEEDED}, or add it to the project with "npm install --save-dev node@${NEEDED}"\n`,
    );
    process.exit(1);
  }
  const child = spawn(node, [entry, ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("exit", (code, signal) => {
    process.exit(code ?? (signal === "SIGINT" ? 130 : 143));
  });
}

/** The `node` package that the working directory or this package has as a dependency, if any. */
function pinnedNode() {
  for (const from of [join(process.cwd(), "package.json"), import.meta.url]) {
    try {
      return join(dirname(createRequire(from).resolve("node/package.json")), "bin", "node");
    } catch {
      // Not there: try the next place.
    }
  }
  return undefined;
}
