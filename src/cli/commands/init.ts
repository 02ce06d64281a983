import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { OpenAgentsError } from "../../core/errors.ts";
import { PACKAGE_VERSION } from "../../core/version.ts";
import { cloudflareFiles } from "../cloudflare-files.ts";
import { outputOf } from "../command.ts";
import { projectFiles } from "../project-files.ts";
import { UsageError } from "../usage-error.ts";
import { workerName, writeWorker } from "./build.ts";

/** `agentctl init`. */
export function initCommand(program: Command): void {
  program
    .command("init <dir>")
    .description("make a project that runs")
    .option("--backend <name>", "local, or cloudflare for a Worker as well", "local")
    .action(async (dir: string, { backend }: { readonly backend: string }, command: Command) => {
      const out = outputOf(command);
      const target = resolve(dir);
      if (!["local", "cloudflare"].includes(backend)) {
        throw new UsageError(`There is no backend "${backend}", there are: local, cloudflare`);
      }
      const cloudflare = backend === "cloudflare";
      makeEmpty(target);
      const name = packageName(target);
      const files = projectFiles({ name, dependency: dependency(), cloudflare });
      for (const [file, text] of Object.entries(files)) writeFileSync(join(target, file), text);
      if (cloudflare) {
        const worker = { name: workerName(name), config: "openagents.config.ts" };
        await writeWorker(target, { files: cloudflareFiles(worker), force: false });
      }
      if (out.json) out.document({ dir: target, files: Object.keys(files) });
      const path = relative(process.cwd(), target) || ".";
      out.talk(
        `Made a project in ${target}. Go on with:\n  cd ${path}\n  npm install\n  npm start${cloudflare ? DEPLOY : ""}`,
      );
    });
}

/** What is said besides to who wants a Worker. */
const DEPLOY = `\nand to put it on Cloudflare:\n  npx wrangler deploy\n  npx wrangler secret bulk .dev.vars`;

function makeEmpty(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true });
    if (readdirSync(dir).length === 0) return;
  } catch (error) {
    throw new OpenAgentsError("DENIED", `Cannot make project: ${(error as Error).message}`);
  }
  throw new OpenAgentsError(
    "EXISTS",
    `Cannot make project in "${dir}": it is not empty: name a new directory`,
  );
}

/** This package: by version when it was installed, by its path when it is a clone. */
function dependency(): string {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  const installed = /[\\/]node_modules[\\/]/.test(root);
  return !installed && existsSync(join(root, "src")) ? `file:${root}` : PACKAGE_VERSION;
}

function packageName(dir: string): string {
  const name = basename(dir)
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[._-]+/, "");
  return name === "" ? "agents" : name;
}
