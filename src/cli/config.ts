import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { revisedBy } from "../core/code-revision.ts";
import type { RuntimeDefinition } from "../core/definition.ts";
import { OpenAgentsError } from "../core/errors.ts";
import { graphRevision, watchImports } from "./module-graph.ts";

/** Looked for in the working directory, in this order. */
const NAMES = ["openagents.config.ts", "openagents.config.js", "openagents.config.mjs"];

/**
 * Loads the configuration from `file`, or from the first of the usual names in `directory`. The revisions of its
 * agents, where none are given, go by all files that it imports.
 * @throws CONFIG saying what is wrong and in which file and line
 */
export async function loadConfig(
  file: string | undefined,
  directory: string,
): Promise<RuntimeDefinition> {
  const path = findConfig(file, directory);
  watchImports();
  let exports: Record<string, unknown>;
  try {
    exports = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  } catch (error) {
    throw new OpenAgentsError("CONFIG", `Cannot load config ${explain(path, error)}`, {
      cause: error,
    });
  }
  if (!("default" in exports)) {
    throw refuse(
      path,
      'it has no default export: end it with "export default defineRuntime({ … })"',
    );
  }
  const definition = exports["default"];
  if (!isDefinition(definition)) {
    throw refuse(path, "its default export is not made by defineRuntime()");
  }
  return revisedBy(definition, graphRevision(path));
}

function findConfig(file: string | undefined, directory: string): string {
  if (file !== undefined) {
    const path = resolve(directory, file);
    if (existsSync(path)) return path;
    throw new OpenAgentsError("CONFIG", `Cannot find config "${path}"`);
  }
  for (const name of NAMES) {
    const path = resolve(directory, name);
    if (existsSync(path)) return path;
  }
  throw new OpenAgentsError(
    "CONFIG",
    `Cannot find "${NAMES[0]}" in "${directory}": make a project with "agentctl init DIR", or name a file with --config`,
  );
}

function refuse(path: string, problem: string): OpenAgentsError {
  return new OpenAgentsError("CONFIG", `Cannot load config "${path}": ${problem}`);
}

/** By its shape: the configuration may come from another copy of this package. */
function isDefinition(value: unknown): value is RuntimeDefinition {
  const { agents, ensure, limits } = (value ?? {}) as Partial<Record<string, unknown>>;
  return (
    Object.prototype.toString.call(agents) === "[object Map]" &&
    Array.isArray(ensure) &&
    typeof limits === "object"
  );
}

/** The file, the place in it where that is known, and what is wrong. */
function explain(path: string, error: unknown): string {
  if (!(error instanceof Error)) return `"${path}": ${String(error)}`;
  if (error instanceof SyntaxError) return explainSyntax(path, error);
  const url = pathToFileURL(path).href;
  const frame = (error.stack ?? "").split("\n").find((line) => line.includes(url));
  const line = frame === undefined ? undefined : /:(\d+):\d+\)?$/.exec(frame)?.[1];
  return `"${path}"${line === undefined ? "" : ` line ${line}`}: ${error.message}`;
}

/** A syntax error has its place above its message, but in JavaScript only once Node prints it. */
function explainSyntax(path: string, error: SyntaxError): string {
  const place = /^(\S+):(\d+)$/m;
  const found =
    place.exec(error.stack ?? "") ??
    place.exec(spawnSync(process.execPath, ["--check", path], { encoding: "utf8" }).stderr);
  if (found === null) return `"${path}": ${error.message}`;
  const [, file = "", line] = found;
  const where = file.startsWith("file:") ? fileURLToPath(file) : file;
  return `"${where}" line ${line}: ${error.message}`;
}
