import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { OpenAgentsError } from "../../core/errors.ts";
import { outputOf } from "../command.ts";
import { PACKAGE_URL, packageVersion } from "../version.ts";
import { projectFiles } from "../project-files.ts";

/** `agentctl init`. */
export function initCommand(program: Command): void {
  program
    .command("init <dir>")
    .description("make a project that runs")
    .action((dir: string, _options: unknown, command: Command) => {
      const out = outputOf(command);
      const target = resolve(dir);
      makeEmpty(target);
      const files = projectFiles({ name: packageName(target), dependency: dependency() });
      for (const [name, text] of Object.entries(files)) writeFileSync(join(target, name), text);
      if (out.json) out.document({ dir: target, files: Object.keys(files) });
      const path = relative(process.cwd(), target) || ".";
      out.talk(
        `Made a project in ${target}. Go on with:\n  cd ${path}\n  npm install\n  npm start`,
      );
    });
}

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
  const root = fileURLToPath(PACKAGE_URL);
  const installed = /[\\/]node_modules[\\/]/.test(root);
  return !installed && existsSync(join(root, "src")) ? `file:${root}` : packageVersion();
}

function packageName(dir: string): string {
  const name = basename(dir)
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[._-]+/, "");
  return name === "" ? "agents" : name;
}
