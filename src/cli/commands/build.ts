import { randomBytes } from "node:crypto";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import type { Command } from "commander";
import { OpenAgentsError } from "../../core/errors.ts";
import { cloudflareFiles, IGNORED, pinning, SECRETS_FILE, secrets } from "../cloudflare-files.ts";
import type { PackageManifest } from "../cloudflare-files.ts";
import { outputOf } from "../command.ts";
import { UsageError } from "../usage-error.ts";

interface BuildOptions {
  readonly config: string;
  readonly name?: string;
  readonly force?: boolean;
}

/** `agentctl build`. */
export function buildCommand(program: Command): void {
  const build = program.command("build").description("make what another backend needs");
  build
    .command("cloudflare")
    .description("write the files of a Worker beside the configuration")
    .option("--config <file>", "the configuration", "openagents.config.ts")
    .option("--name <name>", "the Worker's name (default: the directory's)")
    .option("--force", "overwrite files that differ")
    .action(async (options: BuildOptions, command: Command) => {
      const out = outputOf(command);
      const config = resolve(options.config);
      if (!existsSync(config)) {
        throw new OpenAgentsError(
          "NOT_FOUND",
          `Cannot build: there is no configuration "${config}": name it with --config FILE`,
        );
      }
      const dir = dirname(config);
      const name = options.name ?? workerName(basename(dir));
      if (workerName(name) !== name) {
        throw new UsageError(
          `Cannot name a Worker "${name}": use lower-case letters, digits and "-"`,
        );
      }
      const written = await writeWorker(dir, {
        files: cloudflareFiles({ name, config: relative(dir, config) }),
        force: options.force === true,
      });
      if (out.json) out.document({ dir, name, files: written });
      const commands = pinning(manifestOf(dir)).map((command) => `  ${command}\n`);
      const first =
        commands.length === 0
          ? ""
          : `Its package.json lacks the wrangler and workerd that this was tested with. Add them with:\n${commands.join("")}`;
      out.talk(
        `Wrote ${written.join(", ") || "nothing: all is there"} in ${dir}.\n${first}Deploy with:\n  npx wrangler deploy\n  npx wrangler secret bulk ${SECRETS_FILE}\nand then, with the token of ${SECRETS_FILE}:\n  npx agentctl --url https://${name}.YOUR-SUBDOMAIN.workers.dev --token TOKEN list`,
      );
    });
}

/**
 * Writes the files of a Worker, and its secrets where there are none; the names of those written.
 * @throws EXISTS, before anything is written, for a file that differs
 */
export async function writeWorker(
  dir: string,
  { files, force }: { readonly files: Readonly<Record<string, string>>; readonly force: boolean },
): Promise<string[]> {
  const wanted = Object.entries(files).filter(([name, text]) => read(dir, name) !== text);
  const taken = wanted.find(([name]) => read(dir, name) !== undefined);
  if (taken !== undefined && !force) {
    throw new OpenAgentsError(
      "EXISTS",
      `Cannot write "${join(dir, taken[0])}": it is there and differs: keep it, or overwrite it with --force`,
    );
  }
  for (const [name, text] of wanted) writeFileSync(join(dir, name), text);
  const written = wanted.map(([name]) => name);
  if (read(dir, SECRETS_FILE) === undefined) {
    // Loaded where it is needed: see key-files.ts.
    const { newMnemonic } = await import("../../identity/nip06.ts");
    const token = randomBytes(32).toString("base64url");
    writeFileSync(join(dir, SECRETS_FILE), secrets(token, newMnemonic()), { mode: 0o600 });
    written.push(SECRETS_FILE);
  }
  const ignored = read(dir, ".gitignore") ?? "";
  const lines = new Set(ignored.split("\n").map((line) => line.trimEnd()));
  const missing = IGNORED.filter((line) => !lines.has(line));
  if (missing.length > 0) {
    const gap = ignored === "" || ignored.endsWith("\n") ? "" : "\n";
    appendFileSync(join(dir, ".gitignore"), `${gap}${missing.join("\n")}\n`);
    written.push(".gitignore");
  }
  return written;
}

/** The package.json that npm takes in a directory: there, or the next above. Nothing for one of no use. */
function manifestOf(dir: string): PackageManifest {
  const text = read(dir, "package.json");
  if (text === undefined) return dirname(dir) === dir ? {} : manifestOf(dirname(dir));
  try {
    return (JSON.parse(text) ?? {}) as PackageManifest;
  } catch {
    return {};
  }
}

function read(dir: string, name: string): string | undefined {
  const path = join(dir, name);
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

/** A name as the platform takes it. */
export function workerName(name: string): string {
  const fit = name
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 63);
  return fit === "" ? "agents" : fit;
}
