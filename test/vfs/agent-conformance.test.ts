import { test } from "node:test";
import type { FileService } from "../../src/core/ports/files.ts";
import { fileServiceConformance } from "../../src/testing/file-service-conformance.ts";
import { bytes } from "./fixtures.ts";
import { fileHome } from "./home.ts";
import type { FileHome } from "./home.ts";

/** What is done with files of an agent while what is due in its home is done. */
function moving({ files, within }: FileHome): FileService {
  return {
    stat: (path) => within(files.stat(path)),
    list: (path, query) => within(files.list(path, query)),
    read: (path, range) => within(files.read(path, range)),
    write: (path, data, options) => within(files.write(path, data, options)),
    remove: (path) => within(files.remove(path)),
    rename: (from, to) => within(files.rename(from, to)),
    makeDirectory: (path) => within(files.makeDirectory!(path)),
    resize: (path, size) => within(files.resize!(path, size)),
    exchange: (path, data) => within(files.exchange!(path, data)),
    watch: (path, signal) => files.watch(path, signal),
    follow: (path, signal) => files.follow!(path, signal),
  };
}

const cases = fileServiceConformance(
  async () => {
    const home = await fileHome({ limits: { valueBytes: 4 * 1024 * 1024 } });
    const files = moving(home);
    const hash = "00".repeat(32);
    const pubkey = (await home.read("/identity/pubkey")).trim();
    const signature = new TextDecoder().decode(
      await files.exchange!("/identity/sign", bytes(hash)),
    );
    const asked = (hash: string): Uint8Array => bytes(`${pubkey} ${hash} ${signature.trim()}`);
    return {
      files,
      root: "/memory/files",
      exchange: {
        path: "/identity/verify",
        rounds: [
          [asked(hash), bytes("true\n")],
          [asked("11".repeat(32)), bytes("false\n")],
        ],
      },
      stream: { path: "/logs/trace", grow: async () => void (await home.tick(() => undefined)) },
      dispose: () => home.runtime.stop(),
    };
  },
  {
    without: {
      parents: "Directories are made with the files in them",
      ranges: "What an agent keeps is written as a whole",
    },
  },
);

for (const { name, skip, run } of cases) {
  void test(`what an agent keeps: ${name}`, { skip }, run);
}
