/** The version of wrangler that a new project pins, and the workerd that goes with it. */
export const WRANGLER = "4.164.0";
export const WORKERD = "1.20261023.1";
/** The behaviour of the platform that this package was tested with. */
const COMPATIBILITY_DATE = "2026-10-01";
/** The port of the self-hosted Worker. */
const PORT = 8787;

/** What the files of a Worker are made of. */
export interface WorkerProject {
  /** The Worker's name: lower-case letters, digits and dashes. */
  readonly name: string;
  /** The configuration, relative to where the files go. */
  readonly config: string;
}

/** The files that make a Worker of a configuration, by name. */
export function cloudflareFiles({ name, config }: WorkerProject): Readonly<Record<string, string>> {
  return {
    "worker.ts": `import { cloudflare } from "@openagents/runtime/backends/cloudflare";
import runtime from ${JSON.stringify(`./${config}`)};

export const { AgentObject, DirectoryObject, RelayObject, HomeObject, handler } =
  cloudflare(runtime);
export default handler;
`,
    "wrangler.jsonc": `{
  "$schema": "./node_modules/wrangler/config-schema.json",
  "name": ${JSON.stringify(name)},
  "main": "worker.ts",
  "compatibility_date": "${COMPATIBILITY_DATE}",
  "durable_objects": {
    "bindings": [
      { "name": "AGENTS", "class_name": "AgentObject" },
      { "name": "DIRECTORY", "class_name": "DirectoryObject" },
      { "name": "RELAYS", "class_name": "RelayObject" },
      { "name": "HOME", "class_name": "HomeObject" },
    ],
  },
  // Ticks that wait are gone on with by a new deployment only while it asks for the same.
  "version_metadata": { "binding": "CF_VERSION_METADATA" },
  // Once deployed, an entry is never changed: add another one.
  "migrations": [
    { "tag": "v1", "new_sqlite_classes": ["AgentObject", "DirectoryObject", "RelayObject"] },
    { "tag": "v2", "new_sqlite_classes": ["HomeObject"] },
  ],
  "observability": { "enabled": true },
  // What one tick may compute, in ms; the platform's own limit is 30,000. Waiting does not count.
  // "limits": { "cpu_ms": 30000 },
}
`,
    "workerd.capnp": `# The same Worker on a machine of your own, its objects on disk in ./data:
#
#   npx wrangler deploy --dry-run --outdir dist
#   mkdir -p data
#   (set -a; . ./.dev.vars; npx workerd serve workerd.capnp)
#
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "disk", disk = (path = "data", writable = true)),
    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${PORT}", http = (), service = "main")],
);

const main :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "dist/worker.js")],
  compatibilityDate = "${COMPATIBILITY_DATE}",
  durableObjectNamespaces = [
    (className = "AgentObject", uniqueKey = "AgentObject", enableSql = true),
    (className = "DirectoryObject", uniqueKey = "DirectoryObject", enableSql = true),
    (className = "RelayObject", uniqueKey = "RelayObject", enableSql = true),
    (className = "HomeObject", uniqueKey = "HomeObject", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "disk"),
  bindings = [
    (name = "AGENTS", durableObjectNamespace = "AgentObject"),
    (name = "DIRECTORY", durableObjectNamespace = "DirectoryObject"),
    (name = "RELAYS", durableObjectNamespace = "RelayObject"),
    (name = "HOME", durableObjectNamespace = "HomeObject"),
    (name = "OPENAGENTS_TOKEN", fromEnvironment = "OPENAGENTS_TOKEN"),
    (name = "OPENAGENTS_MNEMONIC", fromEnvironment = "OPENAGENTS_MNEMONIC"),
  ],
);
`,
  };
}

/** What a package.json says of other packages. */
export interface PackageManifest {
  readonly dependencies?: Readonly<Record<string, unknown>>;
  readonly devDependencies?: Readonly<Record<string, unknown>>;
  readonly overrides?: Readonly<Record<string, unknown>>;
}

/**
 * The commands that give a package.json the wrangler and the workerd that a new project pins; none when it
 * has them, or a wrangler of its own choice, which goes with another workerd.
 */
export function pinning(manifest: PackageManifest): readonly string[] {
  const wrangler = manifest.devDependencies?.["wrangler"] ?? manifest.dependencies?.["wrangler"];
  const ours = typeof wrangler === "string" && wrangler.replace(/^[~^=]/, "") === WRANGLER;
  if (wrangler !== undefined && !ours) return [];
  const overridden = manifest.overrides?.["workerd"] !== undefined;
  if (wrangler !== undefined && overridden) return [];
  return [
    // Before what installs, which looks at it.
    ...(overridden ? [] : [`npm pkg set overrides.workerd=${WORKERD}`]),
    wrangler === undefined ? `npm install -D --save-exact wrangler@${WRANGLER}` : "npm install",
  ];
}

/** The file of the Worker's secrets. */
export const SECRETS_FILE = ".dev.vars";

/** What git is to leave alone: secrets, and what is made anew or belongs to one machine. */
export const IGNORED: readonly string[] = [SECRETS_FILE, ".wrangler/", "dist/", "data/"];

/** New secrets, as wrangler reads them: whoever has the second has the keys of all agents. */
export function secrets(token: string, mnemonic: string): string {
  return `OPENAGENTS_TOKEN="${token}"\nOPENAGENTS_MNEMONIC="${mnemonic}"\n`;
}
