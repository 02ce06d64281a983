import { equal } from "../assert.ts";
import { bytes, holds, names, refused } from "./kit.ts";
import type { FileCases } from "./kit.ts";

export const DIRECTORIES: FileCases = {
  "makeDirectory() makes an empty one": {
    needs: ["write", "directories"],
    async run({ files, at, root = "/" }) {
      await files.makeDirectory!(at("d"));
      const stat = await files.stat(at("d"));
      equal([stat.name, stat.kind], ["d", "directory"]);
      equal((await files.list(at("d"))).items, []);
      await files.makeDirectory!(at("d/e"));
      await files.write(at("d/e/file"), bytes("deep"));
      await holds(files, at("d/e/file"), "deep");
      equal(await names(files, at("d")), ["e"]);
      equal(await names(files, root), ["d"]);
    },
  },

  "makeDirectory() is EEXIST where something is, and ENOENT where nothing is above it": {
    needs: ["write", "directories"],
    async run({ files, at, root = "/" }) {
      await files.makeDirectory!(at("d"));
      await files.write(at("file"), bytes("x"));
      await refused(files.makeDirectory!(at("d")), "EEXIST");
      await refused(files.makeDirectory!(at("file")), "EEXIST");
      await refused(files.makeDirectory!(root), "EEXIST");
      await refused(files.makeDirectory!(at("none/d")), "ENOENT");
      await refused(files.makeDirectory!(at("file/d")), "ENOTDIR");
      await holds(files, at("file"), "x");
    },
  },

  "a directory is no file": {
    needs: ["write", "directories"],
    async run({ files, at }) {
      await files.makeDirectory!(at("d"));
      await refused(files.read(at("d")), "EISDIR");
      await refused(files.write(at("d"), bytes("x")), "EISDIR");
      await refused(files.write(at("d"), bytes("x"), { create: "only" }), "EISDIR", "EEXIST");
      equal(await names(files, at("d")), []);
    },
  },

  "remove() takes away an empty directory alone": {
    needs: ["write", "directories"],
    async run({ files, at, root = "/" }) {
      await files.makeDirectory!(at("d"));
      await files.makeDirectory!(at("d/e"));
      await refused(files.remove(at("d")), "ENOTEMPTY");
      await files.remove(at("d/e"));
      await files.write(at("d/file"), bytes("x"));
      await refused(files.remove(at("d")), "ENOTEMPTY");
      await holds(files, at("d/file"), "x");
      await files.remove(at("d/file"));
      await files.remove(at("d"));
      equal(await names(files, root), []);
    },
  },

  "the root cannot be removed or moved": {
    needs: ["write"],
    async run({ files, at }) {
      await refused(files.remove("/"), "EBUSY", "EACCES", "ENOTEMPTY");
      await refused(files.rename("/", at("d")), "EBUSY", "EACCES", "EINVAL");
      equal((await files.stat("/")).kind, "directory");
    },
  },

  "rename() moves a file from directory to directory, and never onto one": {
    needs: ["write", "directories"],
    async run({ files, at, root = "/" }) {
      await files.makeDirectory!(at("d"));
      await files.makeDirectory!(at("e"));
      await files.write(at("d/file"), bytes("x"));
      await refused(files.rename(at("d/file"), at("e")), "EISDIR");
      await files.rename(at("d/file"), at("e/other"));
      await holds(files, at("e/other"), "x");
      equal(await names(files, at("d")), []);
      await files.rename(at("e/other"), at("file"));
      equal(await names(files, root), ["d", "e", "file"]);
    },
  },

  "rename() moves a directory with all that is in it": {
    needs: ["write", "directories", "moveDirectories"],
    async run({ files, at, root = "/" }) {
      await files.makeDirectory!(at("d"));
      await files.makeDirectory!(at("d/e"));
      await files.write(at("d/e/file"), bytes("x"));
      await files.makeDirectory!(at("f"));
      await files.rename(at("d"), at("f/g"));
      await holds(files, at("f/g/e/file"), "x");
      await refused(files.stat(at("d")), "ENOENT");
      await refused(files.read(at("d/e/file")), "ENOENT");
      equal(await names(files, root), ["f"]);
    },
  },

  "rename() puts no directory below itself, or in the place of a file": {
    needs: ["write", "directories", "moveDirectories"],
    async run({ files, at }) {
      await files.makeDirectory!(at("d"));
      await files.makeDirectory!(at("de"));
      await files.write(at("d/file"), bytes("x"));
      await files.write(at("file"), bytes("y"));
      await refused(files.rename(at("d"), at("d/e")), "EINVAL");
      await refused(files.rename(at("d"), at("file")), "ENOTDIR", "EEXIST", "EINVAL");
      await files.rename(at("d"), at("d"));
      await holds(files, at("d/file"), "x");
      await holds(files, at("file"), "y");
      // A name that begins as another one is not below it.
      await files.rename(at("d"), at("de/d"));
      await holds(files, at("de/d/file"), "x");
    },
  },
};
