import { equal, ok } from "../assert.ts";
import { bytes, entries, holds, names, refused, text } from "./kit.ts";
import type { FileCases, FilesCase } from "./kit.ts";

/** A file to read, whether the service can be written or not. */
async function sample({
  files,
  at,
  given,
}: FilesCase): Promise<{ path: string; data: Uint8Array }> {
  if (given !== undefined) return given;
  const data = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7) % 256);
  const { path } = await files.write(at("sample"), data);
  return { path, data };
}

export const READING: FileCases = {
  "stat() tells of a directory and of a file": {
    needs: [],
    async run(fixture) {
      const { files, root = "/" } = fixture;
      const directory = await files.stat(root);
      equal(directory.kind, "directory");
      equal(directory.name, root.slice(root.lastIndexOf("/") + 1));
      equal((await files.stat("/")).name, "");
      const { path, data } = await sample(fixture);
      const stat = await files.stat(path);
      equal(stat.kind, "file");
      equal(stat.name, path.slice(path.lastIndexOf("/") + 1));
      ok(stat.access.includes("r"), "a file that can be read");
      equal(stat.size ?? data.byteLength, data.byteLength, "size");
    },
  },

  "list() tells of each entry what stat() does, or less": {
    needs: [],
    async run(fixture) {
      const { files } = fixture;
      const { path } = await sample(fixture);
      const directory = path.slice(0, path.lastIndexOf("/")) || "/";
      const stat = await files.stat(path);
      const entry = (await entries(files, directory)).find(({ name }) => name === stat.name);
      ok(entry, `"${path}" to be listed`);
      const { name, kind, access, size = stat.size, revision = stat.revision } = entry;
      equal(
        { name, kind, access, size, revision },
        {
          name: stat.name,
          kind: stat.kind,
          access: stat.access,
          size: stat.size,
          revision: stat.revision,
        },
      );
    },
  },

  "read() gives a range as far as there is a file": {
    needs: [],
    async run(fixture) {
      const { files } = fixture;
      const { path, data } = await sample(fixture);
      const end = data.byteLength;
      equal(await files.read(path), data, "all");
      equal(await files.read(path, {}), data, "all, of an empty range");
      for (const offset of [0, 1, end - 1, end, end + 1, 2 ** 40]) {
        equal(await files.read(path, { offset }), data.slice(offset), `from ${offset}`);
        for (const length of [0, 1, 2, end - 1, end, end + 1, 2 ** 40]) {
          const expected = data.slice(offset, Math.min(offset + length, end));
          equal(await files.read(path, { offset, length }), expected, `${length} from ${offset}`);
        }
      }
      for (const length of [0, 1, end, end + 1]) {
        equal(await files.read(path, { length }), data.slice(0, length), `${length}`);
      }
    },
  },

  "ranges and limits that are none are EINVAL": {
    needs: [],
    async run(fixture) {
      const { files, root = "/" } = fixture;
      const { path } = await sample(fixture);
      for (const bad of [-1, 0.5, NaN, Infinity, -Infinity]) {
        await refused(files.read(path, { offset: bad }), "EINVAL");
        await refused(files.read(path, { length: bad }), "EINVAL");
      }
      for (const limit of [0, -1, 1.5, 1001, NaN, Infinity]) {
        await refused(files.list(root, { limit }), "EINVAL");
      }
    },
  },

  "what nothing has is ENOENT": {
    needs: [],
    async run({ files, at }) {
      for (const path of [at("none"), at("none/deeper/still")]) {
        await refused(files.stat(path), "ENOENT");
        await refused(files.list(path), "ENOENT");
        await refused(files.read(path), "ENOENT");
        await refused(files.read(path, { offset: 5, length: 0 }), "ENOENT");
      }
    },
  },

  "a file is no directory, and a directory no file": {
    needs: [],
    async run(fixture) {
      const { files, root = "/" } = fixture;
      const { path } = await sample(fixture);
      await refused(files.list(path), "ENOTDIR");
      await refused(files.read(root), "EISDIR");
      await refused(files.stat(`${path}/below`), "ENOTDIR", "ENOENT");
      await refused(files.read(`${path}/below`), "ENOTDIR", "ENOENT");
      await refused(files.list(`${path}/below`), "ENOTDIR", "ENOENT");
    },
  },

  "read() gives bytes that are the caller's own": {
    needs: [],
    async run(fixture) {
      const { files } = fixture;
      const { path, data } = await sample(fixture);
      const before = data.slice();
      (await files.read(path)).fill(0);
      (await files.read(path, { offset: 1, length: 2 })).fill(1);
      equal(await files.read(path), before);
    },
  },

  "list() gives all in pages of any size, each once and in one order": {
    needs: ["write"],
    async run({ files, at, root = "/" }) {
      const all = Array.from({ length: 25 }, (_, i) => `entry-${i}`);
      for (const name of all) await files.write(at(name), bytes(name));
      const first = (await entries(files, root, 1000)).map(({ name }) => name);
      equal(first.toSorted(), all.toSorted());
      for (const limit of [1, 2, 7, 24, 25, 26]) {
        const again = (await entries(files, root, limit)).map(({ name }) => name);
        equal(again, first, `pages of ${limit}`);
      }
    },
  },

  "list() gives a hundred when it is not asked for more or fewer": {
    needs: ["write"],
    async run({ files, at, root = "/" }) {
      const all = Array.from({ length: 130 }, (_, i) => `entry-${i}`);
      await Promise.all(all.map((name) => files.write(at(name), bytes("x"))));
      const page = await files.list(root);
      ok(page.items.length <= 100, "no more than 100 entries");
      ok(page.cursor !== undefined, "a cursor");
      equal(await names(files, root), all.toSorted());
    },
  },

  "list() goes on where it was when what it gave is removed": {
    needs: ["write"],
    async run({ files, at, root = "/" }) {
      const all = Array.from({ length: 12 }, (_, i) => `entry-${i}`);
      for (const name of all) await files.write(at(name), bytes(name));
      const seen: string[] = [];
      for (let cursor: string | undefined; ;) {
        const page = await files.list(root, { limit: 5, cursor });
        for (const { name } of page.items) {
          seen.push(name);
          await files.remove(at(name));
        }
        if (page.cursor === undefined) break;
        cursor = page.cursor;
      }
      equal(seen.toSorted(), all.toSorted());
      equal(await names(files, root), []);
    },
  },

  "a file of any bytes comes back as it was": {
    needs: ["write"],
    async run({ files, at }) {
      const contents = [
        new Uint8Array(0),
        Uint8Array.from({ length: 256 }, (_, i) => i),
        bytes("\ufeffbom, \r\n and no end of line"),
        new Uint8Array(1_500_000).fill(170),
      ];
      for (const [i, data] of contents.entries()) {
        await files.write(at(`file-${i}`), data);
        equal((await files.stat(at(`file-${i}`))).size ?? data.byteLength, data.byteLength);
      }
      for (const [i, data] of contents.entries()) {
        equal(await files.read(at(`file-${i}`)), data, `file-${i}`);
      }
    },
  },

  "write() keeps a copy of what it is given": {
    needs: ["write"],
    async run({ files, at }) {
      const data = bytes("as it was");
      await files.write(at("file"), data);
      data.fill(0);
      await holds(files, at("file"), "as it was");
      equal(text(await files.read(at("file"), { offset: 3, length: 2 })), "it");
    },
  },
};
