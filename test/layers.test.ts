import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { test } from "node:test";

import { importsOf } from "./imports.ts";

/** What the modules of one top folder of src may import, besides each other; names between spaces. */
interface Layer {
  /** Other layers; `type:x`: with `import type` alone. */
  readonly layers: string;
  /**
   * Packages with all their modules; `@a/*`: any of that scope, `node:*`: any module of Node, `type:x`: with
   * `import type` alone.
   */
  readonly packages: string;
  /** Set for a layer of adapters, which never import each other: the folders that they share. */
  readonly apart?: string;
  /** It may load a module whose name is known only when it runs, such as the user's config. */
  readonly loads?: true;
}

const BELOW_BACKENDS = "core identity memory vfs models stores drivers wallets control mounts";

/** The table of the architecture. `index` stands for src/index.ts, the package's main face. */
const LAYERS: Readonly<Record<string, Layer>> = {
  core: { layers: "", packages: "@noble/hashes @scure/base croner modern-tar" },
  identity: { layers: "core", packages: "@noble/* @scure/*" },
  memory: { layers: "core", packages: "" },
  vfs: { layers: "core identity memory", packages: "" },
  models: { layers: "core memory", packages: "type:@ai-sdk/provider" },
  stores: { layers: "core", packages: "", apart: "sql" },
  drivers: { layers: "core identity vfs", packages: "", apart: "" },
  wallets: { layers: "core identity", packages: "", apart: "" },
  control: {
    layers: "core identity memory vfs models drivers",
    packages: "hono zod @scure/base",
  },
  mounts: { layers: "core vfs", packages: "node:*" },
  backends: {
    layers: BELOW_BACKENDS,
    packages: "@hono/node-server node:*",
    apart: "",
    loads: true,
  },
  web: { layers: "type:control", packages: "" },
  cli: { layers: `${BELOW_BACKENDS} backends testing`, packages: "commander node:*", loads: true },
  testing: { layers: "core vfs models", packages: "" },
  index: { layers: "core type:identity", packages: "" },
};

/** Packages that one file alone may import. */
const FILES: Readonly<Record<string, string>> = {
  "stores/sqlite.ts": "node:sqlite node:fs node:path",
  "backends/local/relay-socket.ts": "ws",
  "backends/local/otel.ts": "@opentelemetry/*",
  "cli/log.ts": "pino",
  "models/resolve.ts": "@ai-sdk/anthropic @ai-sdk/google @ai-sdk/openai @ai-sdk/openai-compatible",
  "models/scripted-listener.ts": "node:http node:net",
  "drivers/plumber/located.ts": "yaml",
  "drivers/plumber/json-path.ts": "json-p3",
  "drivers/plumber/find.ts": "json-p3",
  "backends/local/agent-sockets.ts": "ws",
  "mounts/mcp/parts.ts": "type:@modelcontextprotocol/client",
  "mounts/mcp/server.ts": "type:@modelcontextprotocol/client",
  "mounts/mcp/connection.ts": "type:@modelcontextprotocol/client",
  "mounts/mcp/library.ts": "@modelcontextprotocol/client",
  "mounts/mcp/http.ts": "type:@modelcontextprotocol/client",
  "mounts/mcp/program.ts": "type:@modelcontextprotocol/client",
};

/** A module: its path below src, and its text. */
interface Module {
  readonly path: string;
  readonly text: string;
}

/** Every breach of the table, each as one line, and how many imports were read. */
function check(modules: readonly Module[]): {
  readonly breaches: readonly string[];
  readonly read: number;
} {
  const breaches: string[] = [];
  let read = 0;
  for (const { path, text } of modules) {
    const name = layerOf(path);
    const layer = Object.hasOwn(LAYERS, name) ? LAYERS[name] : undefined;
    if (layer === undefined) {
      breaches.push(`${path}: src/${name} is no layer`);
      continue;
    }
    const { imports, computed } = importsOf(text);
    read += imports.length + computed;
    if (computed > 0 && layer.loads !== true) breaches.push(`${path}: import() of a computed name`);
    for (const { from, typeOnly } of imports) {
      const reason = from.startsWith(".")
        ? refusedFile(path, posix.join(posix.dirname(path), from), typeOnly)
        : refusedPackage(path, from, typeOnly);
      if (reason !== undefined) breaches.push(`${path}: ${reason}`);
    }
  }
  return { breaches, read };
}

function refusedFile(path: string, target: string, typeOnly: boolean): string | undefined {
  if (target.startsWith("..")) return `${target} is outside src`;
  const [from, to] = [layerOf(path), layerOf(target)];
  const { layers, apart } = LAYERS[from]!;
  if (from !== to) {
    const names = words(layers);
    const allowed = names.includes(to) || (typeOnly && names.includes(`type:${to}`));
    return allowed ? undefined : `${from} may not import ${to} (${target})`;
  }
  if (apart === undefined || words(apart).includes(adapterOf(target))) return undefined;
  if (adapterOf(path) === adapterOf(target)) return undefined;
  return `an adapter may not import its sibling ${target}`;
}

function refusedPackage(path: string, name: string, typeOnly: boolean): string | undefined {
  const entries = words(`${LAYERS[layerOf(path)]!.packages} ${FILES[path] ?? ""}`);
  const allowed = entries.map((entry) => (typeOnly ? entry.replace("type:", "") : entry));
  const fits = allowed.some((entry) =>
    entry.endsWith("*")
      ? name.startsWith(entry.slice(0, -1))
      : name === entry || name.startsWith(`${entry}/`),
  );
  return fits ? undefined : `${layerOf(path)} may not import the package ${name}`;
}

function words(text: string): readonly string[] {
  return text.split(" ").filter((word) => word !== "");
}

/** The top folder; for a file in src itself, its name. */
function layerOf(path: string): string {
  return path.split("/")[0]!.replace(/\.ts$/, "");
}

/** In a layer of adapters: the file or folder right below the layer's own. */
function adapterOf(path: string): string {
  return path.split("/")[1]!.replace(/\.ts$/, "");
}

function modulesOf(folder: URL): readonly Module[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => /\.tsx?$/.test(path))
    .map((path) => ({ path, text: readFileSync(new URL(path, folder), "utf8") }));
}

void test("src imports only what the table of layers allows", () => {
  const modules = modulesOf(new URL("../src/", import.meta.url));
  const { breaches, read } = check(modules);
  assert.deepEqual(breaches, []);
  assert.ok(modules.length > 10, `only ${modules.length} modules were found`);
  assert.ok(read > 20, `only ${read} imports were read`);
});

void test("the table names only layers that it has, and has no circle", () => {
  const seen = new Set<string>();
  const visit = (name: string, above: readonly string[]): void => {
    assert.ok(!above.includes(name), `circle: ${[...above, name].join(" -> ")}`);
    assert.ok(LAYERS[name] !== undefined, `no layer "${name}"`);
    if (seen.has(name)) return;
    for (const to of words(LAYERS[name].layers)) visit(to.replace("type:", ""), [...above, name]);
    seen.add(name);
  };
  for (const name of Object.keys(LAYERS)) visit(name, []);
  assert.equal(seen.size, Object.keys(LAYERS).length);
});

void test("check() catches every kind of breach", () => {
  const cases: readonly (readonly [path: string, text: string, breach: string | undefined])[] = [
    ["core/tick.ts", 'import { a } from "../identity/a.ts";', "core may not import identity"],
    ["core/tick.ts", 'import type { A } from "../stores/a.ts";', "core may not import stores"],
    ["core/tick.ts", 'export * from "../vfs/a.ts";', "core may not import vfs"],
    ["core/tick.ts", 'export type * from "../vfs/a.ts";', "core may not import vfs"],
    ["core/tick.ts", 'export {\n  a,\n  b,\n} from "../vfs/a.ts";', "core may not import vfs"],
    ["core/tick.ts", 'import "../vfs/a.ts";', "core may not import vfs"],
    ["core/tick.ts", "const a = await import('../vfs/a.ts');", "core may not import vfs"],
    ["core/tick.ts", 'let a: import("../vfs/a.ts").A;', "core may not import vfs"],
    ["core/ports/store.ts", 'import "../../vfs/a.ts";', "core may not import vfs"],
    ["core/tick.ts", 'import fs from "node:fs";', "core may not import the package node:fs"],
    ["core/tick.ts", 'import { A } from "@scure/bip39";', "the package @scure/bip39"],
    ["core/tick.ts", 'import { A } from "cronerx";', "the package cronerx"],
    ["core/tick.ts", "import(name);", "import() of a computed name"],
    ["core/tick.ts", "import(`./${name}.ts`);", "import() of a computed name"],
    ["core/tick.ts", 'import a from "../../package.json";', "is outside src"],
    ["core/tick.ts", 'import { A } from "@openagents/runtime";', "the package @openagents/runtime"],
    ["identity/a.ts", 'import { A } from "node:crypto";', "the package node:crypto"],
    ["stores/kv.ts", 'import { A } from "./memory.ts";', "its sibling stores/memory.ts"],
    ["stores/kv/rows.ts", 'import { A } from "../memory.ts";', "its sibling stores/memory.ts"],
    ["stores/sql/rows.ts", 'import { A } from "../memory.ts";', "its sibling stores/memory.ts"],
    ["stores/kv.ts", 'import { A } from "node:sqlite";', "the package node:sqlite"],
    ["stores/sqlite.ts", 'import { A } from "node:net";', "the package node:net"],
    ["drivers/http.ts", 'import { A } from "./webhook.ts";', "its sibling"],
    ["wallets/nwc.ts", 'import { A } from "./cashu.ts";', "its sibling"],
    ["backends/local.ts", 'import { A } from "./docker/a.ts";', "its sibling"],
    ["control/api.ts", 'import { A } from "../stores/memory.ts";', "may not import stores"],
    ["control/api.ts", 'import { A } from "../wallets/nwc.ts";', "may not import wallets"],
    ["models/a.ts", 'import { A } from "@ai-sdk/provider";', "the package @ai-sdk/provider"],
    ["models/a.ts", 'await import("@ai-sdk/openai");', "the package @ai-sdk/openai"],
    ["web/app.ts", 'import { A } from "../control/api.ts";', "web may not import control"],
    ["cli/main.ts", 'import { A } from "../web/app.ts";', "cli may not import web"],
    ["index.ts", 'export { A } from "./identity/a.ts";', "index may not import identity"],
    ["index.ts", 'import { A, type B } from "./identity/a.ts";', "index may not import identity"],
    ["utils/a.ts", "", "src/utils is no layer"],
    ["toString/a.ts", "", "src/toString is no layer"],
    ["extra.ts", "", "src/extra is no layer"],

    ["core/tick.ts", 'import { A } from "./ports/store.ts";', undefined],
    ["core/tick.ts", 'import { A } from "@noble/hashes/sha2.js";', undefined],
    ["identity/a.ts", 'import { A } from "@scure/bip39/wordlists/english.js";', undefined],
    ["stores/sqlite.ts", 'import { A } from "node:sqlite";', undefined],
    ["stores/sqlite.ts", 'import { A } from "./sql/store.ts";', undefined],
    ["stores/sql/store.ts", 'import { A } from "./rows.ts";', undefined],
    ["stores/kv/store.ts", 'import { A } from "./rows.ts";', undefined],
    ["backends/local.ts", 'import { A } from "../stores/sqlite.ts";', undefined],
    ["models/a.ts", 'import type { A } from "@ai-sdk/provider";', undefined],
    ["models/resolve.ts", 'await import("@ai-sdk/openai");', undefined],
    ["web/app.ts", 'import type { A } from "../control/api.ts";', undefined],
    ["index.ts", 'export type { A } from "./identity/a.ts";', undefined],
    ["cli/main.ts", "await import(pathToFileURL(path).href);", undefined],
  ];
  for (const [path, text, breach] of cases) {
    const { breaches } = check([{ path, text }]);
    if (breach === undefined) assert.deepEqual(breaches, [], `${path}: ${text}`);
    else assert.ok(breaches.length === 1 && breaches[0]!.includes(breach), `${path}: ${text}`);
  }
});

void test("importsOf() reads code and not what stands in comments, strings and templates", () => {
  const source = [
    '// import "a";',
    '/* import "b"; \n import "c"; */',
    "const t = `import \"d\"; ${f({ a: `import 'e';` }, '}')} \\` import(\"f\")`;",
    `const s = 'import "g"; \\' import("h")';`,
    'const r = /"/.test(x) ? [/[/"]/, 6 / 2] : 1 / 2; import { z } from "real-1";',
    'export const from = "not this"; export { type Q, y } from "real-2";',
    'import type { X } from "type-1"; import type from "real-3";',
    'import D, * as N from "real-4"; import { a as from } from "real-5";',
    'import J from "real-6" with { type: "json" };',
    'if (a) await import("real-7"); import.meta.url; x.import("no");',
    'export function importer(a = "b") {}\nexport type T = "c";',
  ].join("\n");
  const { imports, computed } = importsOf(source);
  assert.deepEqual(
    imports.filter(({ typeOnly }) => typeOnly).map(({ from }) => from),
    ["type-1"],
  );
  assert.deepEqual(
    imports.filter(({ typeOnly }) => !typeOnly).map(({ from }) => from),
    [1, 2, 3, 4, 5, 6, 7].map((n) => `real-${n}`),
  );
  assert.equal(computed, 0);
});
