import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { FileService } from "../../src/core/ports/index.ts";
import { hostDirectory } from "../../src/mounts/host-directory.ts";
import { hostKind } from "../../src/mounts/host-kind.ts";
import { publicFetch } from "../../src/mounts/public-fetch.ts";
import { fileServiceConformance } from "../../src/testing/file-service-conformance.ts";
import type {
  FileCapability,
  FileServiceFixture,
} from "../../src/testing/file-service-conformance.ts";
import { agentKind } from "../../src/vfs/agent-mount.ts";
import { httpResource } from "../../src/vfs/http-resource.ts";
import { namespace } from "../../src/vfs/namespace.ts";
import { subtree } from "../../src/vfs/subtree.ts";
import { agentRecord } from "../vfs/agent-record.ts";
import { fileServer } from "../vfs/file-server.ts";
import { newScratch } from "../vfs/fixtures.ts";

const PLAIN = {
  exchange: "None of its files answer",
  stream: "It has no streams",
} as const;

/** Fresh files in a directory that is removed after. */
function inDirectory(open: (dir: string) => FileService): () => Promise<FileServiceFixture> {
  return async () => {
    const dir = mkdtempSync(join(tmpdir(), "openagents-files-"));
    return {
      files: open(dir),
      dispose: async () => rmSync(dir, { recursive: true, force: true }),
    };
  };
}

/** Files that a real server serves as a home does, to be read. */
async function served(): Promise<FileServiceFixture> {
  const whole = newScratch();
  const data = new TextEncoder().encode("it is there\n");
  await whole.makeDirectory?.("/d");
  await whole.write("/d/given", data);
  const server = await fileServer(whole, { isHome: true });
  const fetcher = publicFetch({ allowPrivate: true });
  const service = httpResource(server.url, { fetcher, allowPrivate: true });
  return {
    files: namespace([{ path: "/fs/http", service, access: "read-only" }]),
    root: "/fs/http/d",
    given: { path: "/fs/http/d/given", data },
    dispose: async () => {
      fetcher.close();
      await server.close();
    },
  };
}

async function inScratch(): Promise<FileServiceFixture> {
  const whole = newScratch();
  await whole.makeDirectory?.("/a");
  await whole.makeDirectory?.("/a/b");
  return { files: subtree(whole, "/a/b"), dispose: async () => undefined };
}

async function ofAgent(): Promise<FileServiceFixture> {
  const { files } = await inScratch();
  const kind = agentKind(async () => ({ id: "npub-other", files }));
  const at = { agent: agentRecord("own"), path: "/fs/other" };
  return { files: kind("other/", at), dispose: async () => undefined };
}

type Without = Partial<Record<FileCapability, string>>;

const SUITES: Readonly<Record<string, readonly [() => Promise<FileServiceFixture>, Without]>> = {
  "a host directory": [inDirectory((dir) => hostDirectory(dir)), PLAIN],
  "a host directory that is checked": [
    inDirectory((dir) => hostDirectory(dir, { held: false })),
    PLAIN,
  ],
  "a directory below an allowed one, by a link": [
    inDirectory((dir) => {
      mkdirSync(join(dir, "root/below"), { recursive: true });
      symlinkSync("root", join(dir, "link"));
      const at = { agent: agentRecord("own"), path: "/fs/x" };
      return hostKind({ roots: [join(dir, "link")] })("below", at);
    }),
    PLAIN,
  ],
  "a subtree": [inScratch, PLAIN],
  "another agent's tree": [ofAgent, PLAIN],
  "an address of a home": [
    served,
    { ...PLAIN, write: "It is mounted so", watch: "HTTP says nothing by itself" },
  ],
};

for (const [title, [make, without]] of Object.entries(SUITES)) {
  for (const { name, skip, run } of fileServiceConformance(make, { without })) {
    void test(`${title}: ${name}`, { skip }, run);
  }
}
