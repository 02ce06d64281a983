import { equal, ok, rejects } from "../assert.ts";
import { bytes, entries, holds, names, refused, text } from "./kit.ts";
import type { FileCases } from "./kit.ts";

/** Names that are as good as any other. */
const NAMES: readonly string[] = [
  "with space",
  " before and after ",
  "-rf",
  "--",
  "~",
  ".hidden",
  "...",
  "..a",
  "a..",
  "100%",
  "%2e%2e",
  "%2F",
  "%00",
  "#hash",
  "what?",
  "star*",
  "[a-z]",
  "{a,b}",
  "a&b=c;d",
  "$HOME",
  "`id`",
  "'single'",
  '"double"',
  "back\\slash",
  "C:",
  "a:b@c",
  "<angle>|pipe",
  "+plus+",
  "comma,",
  "CON",
  "__proto__",
  "constructor",
  "é",
  "e\u0301",
  "Ω≈ç√",
  "日本語のファイル",
  "שלום",
  "\u202etxt.exe",
  "\u00a0",
  "\u2028",
  "\ufeffbom",
  "\ufffd",
  "👩‍👩‍👧‍👦",
  "\u{10ffff}",
  "x".repeat(255),
  "é".repeat(127),
  "👍".repeat(63),
];

export const WRITING: FileCases = {
  "write() makes a file, and puts another content in the place of all of it": {
    needs: ["write"],
    async run({ files, at, root = "/" }) {
      equal((await files.write(at("file"), bytes("a long content"))).path, at("file"));
      await holds(files, at("file"), "a long content");
      await files.write(at("file"), bytes("short"));
      await holds(files, at("file"), "short");
      await files.write(at("file"), bytes(""));
      await holds(files, at("file"), "");
      equal(await names(files, root), ["file"]);
    },
  },

  "write() makes only what is not there, or changes only what is": {
    needs: ["write"],
    async run({ files, at, root = "/" }) {
      await refused(files.write(at("file"), bytes("1"), { create: "never" }), "ENOENT");
      equal(await names(files, root), []);
      await files.write(at("file"), bytes("2"), { create: "only" });
      await refused(files.write(at("file"), bytes("3"), { create: "only" }), "EEXIST");
      await refused(files.write(at("file"), bytes("3"), { create: "only", at: "end" }), "EEXIST");
      await holds(files, at("file"), "2");
      await files.write(at("file"), bytes("4"), { create: "never" });
      await holds(files, at("file"), "4");
    },
  },

  "write() lets one of many make a file": {
    needs: ["write"],
    async run({ files, at }) {
      const tries = await Promise.allSettled(
        Array.from({ length: 10 }, (_, i) =>
          files.write(at("file"), bytes(`${i}`), { create: "only" }),
        ),
      );
      const made = tries.flatMap(({ status }, i) => (status === "fulfilled" ? [i] : []));
      equal(made.length, 1, "how many made it");
      await holds(files, at("file"), `${made[0]}`);
    },
  },

  "write() puts data after the end": {
    needs: ["write"],
    async run({ files, at }) {
      await files.write(at("file"), bytes("one\n"), { at: "end" });
      await files.write(at("file"), bytes("two\n"), { at: "end" });
      await files.write(at("file"), bytes(""), { at: "end" });
      await holds(files, at("file"), "one\ntwo\n");
      await refused(files.write(at("no"), bytes("x"), { at: "end", create: "never" }), "ENOENT");
    },
  },

  "write() after the end loses nothing when many do": {
    needs: ["write"],
    async run({ files, at }) {
      const lines = Array.from({ length: 20 }, (_, i) => `line ${i} ${"x".repeat(100)}`);
      await Promise.all(
        lines.map((line) => files.write(at("log"), bytes(`${line}\n`), { at: "end" })),
      );
      const read = text(await files.read(at("log")));
      equal(read.trimEnd().split("\n").toSorted(), lines.toSorted());
    },
  },

  "write() never mixes what several put in the place of one file": {
    needs: ["write"],
    async run({ files, at }) {
      const size = 100_000;
      const path = at("file");
      await files.write(path, new Uint8Array(size).fill(65));
      const writes = Array.from({ length: 10 }, (_, i) =>
        files.write(path, new Uint8Array(size).fill(66 + i)),
      );
      const reads = Array.from({ length: 10 }, () => files.read(path));
      await Promise.all(writes);
      for (const data of [...(await Promise.all(reads)), await files.read(path)]) {
        equal(data.byteLength, size, "size");
        ok(
          data.every((byte) => byte === data[0]),
          "a content that one of them wrote",
        );
      }
    },
  },

  "write() where there is no directory is ENOENT": {
    needs: ["write", "parents"],
    async run({ files, at, root = "/" }) {
      await refused(files.write(at("none/file"), bytes("x")), "ENOENT");
      await refused(files.write(at("none/file"), bytes("x"), { at: "end" }), "ENOENT");
      equal(await names(files, root), []);
    },
  },

  "write() to a directory is EISDIR, and below a file ENOTDIR": {
    needs: ["write"],
    async run({ files, at, root = "/" }) {
      await refused(files.write(root, bytes("x")), "EISDIR");
      await files.write(at("file"), bytes("x"));
      await refused(files.write(at("file/below"), bytes("x")), "ENOTDIR");
      equal(await names(files, root), ["file"]);
    },
  },

  "write() changes only what is at the revision that is asked for": {
    needs: ["write", "revisions"],
    async run({ files, at, root = "/" }) {
      const path = at("file");
      await rejects(files.write(path, bytes("x"), { ifMatch: "none" }), "PRECONDITION");
      await rejects(files.write(path, bytes("x"), { ifMatch: [] }), "PRECONDITION");
      equal(await names(files, root), []);
      await files.write(path, bytes("1"));
      const { revision: first } = await files.stat(path);
      ok(first !== undefined, "a revision");
      equal((await files.stat(path)).revision, first, "the revision of what nobody changed");
      await files.write(path, bytes("2"), { ifMatch: first });
      const { revision: second } = await files.stat(path);
      ok(second !== first, "another revision");
      await rejects(files.write(path, bytes("3"), { ifMatch: first }), "PRECONDITION");
      await rejects(files.write(path, bytes("3"), { ifMatch: [] }), "PRECONDITION");
      await rejects(files.write(path, bytes("3"), { ifMatch: first, at: "end" }), "PRECONDITION");
      await holds(files, path, "2");
      await files.write(path, bytes("3"), { ifMatch: [first, second!] });
      await holds(files, path, "3");
    },
  },

  "a revision is another one whenever the content is": {
    needs: ["write", "revisions"],
    async run({ files, at }) {
      const path = at("file");
      const seen = new Set<string | undefined>();
      const contents = ["1", "2", "33", "", "4"];
      for (const content of contents) {
        await files.write(path, bytes(content));
        seen.add((await files.stat(path)).revision);
      }
      await files.write(path, bytes("5"), { at: "end" });
      seen.add((await files.stat(path)).revision);
      equal(seen.size, contents.length + 1, "how many revisions");
      ok(!seen.has(undefined), "no content without one");
    },
  },

  "write() at an offset leaves the rest, and fills what is between with zeros": {
    needs: ["write", "ranges"],
    async run({ files, at }) {
      const path = at("file");
      await files.write(path, bytes("0123456789"));
      equal((await files.stat(path)).nature, "ranged");
      await files.write(path, bytes("ab"), { at: 3 });
      await holds(files, path, "012ab56789");
      await files.write(path, bytes("AB"), { at: 0 });
      await files.write(path, bytes("yz"), { at: 9 });
      await holds(files, path, "AB2ab5678yz");
      await files.write(path, bytes("!"), { at: 13 });
      await holds(files, path, "AB2ab5678yz\0\0!");
      await files.write(path, bytes(""), { at: 99 });
      equal((await files.read(path)).byteLength, 14, "size after no bytes were written");
      await files.write(at("new"), bytes("x"), { at: 2 });
      await holds(files, at("new"), "\0\0x");
      for (const bad of [-1, 0.5, NaN]) {
        await refused(files.write(path, bytes("x"), { at: bad }), "EINVAL");
      }
    },
  },

  "write() at an offset of what is written as a whole is ENOTSUP": {
    needs: ["write"],
    async run({ files, at }) {
      await files.write(at("file"), bytes("whole"));
      if ((await files.stat(at("file"))).nature === "ranged") return;
      await refused(files.write(at("file"), bytes("x"), { at: 1 }), "ENOTSUP");
      await holds(files, at("file"), "whole");
    },
  },

  "resize() cuts off and fills up": {
    needs: ["write", "ranges"],
    async run({ files, at, root = "/" }) {
      const path = at("file");
      await files.write(path, bytes("0123456789"));
      await files.resize!(path, 4);
      await holds(files, path, "0123");
      await files.resize!(path, 6);
      await holds(files, path, "0123\0\0");
      await files.resize!(path, 6);
      await files.resize!(path, 0);
      await holds(files, path, "");
      await refused(files.resize!(at("none"), 0), "ENOENT");
      await refused(files.resize!(root, 0), "EISDIR", "EINVAL");
      for (const bad of [-1, 0.5, NaN]) await refused(files.resize!(path, bad), "EINVAL");
    },
  },

  "remove() takes away one file": {
    needs: ["write"],
    async run({ files, at, root = "/" }) {
      await files.write(at("a"), bytes("1"));
      await files.write(at("b"), bytes("2"));
      await files.remove(at("a"));
      await refused(files.read(at("a")), "ENOENT");
      await refused(files.remove(at("a")), "ENOENT");
      equal(await names(files, root), ["b"]);
    },
  },

  "rename() puts a file in the place of another one": {
    needs: ["write"],
    async run({ files, at, root = "/" }) {
      await files.write(at("a"), bytes("1"));
      await files.rename(at("a"), at("b"));
      await refused(files.read(at("a")), "ENOENT");
      await holds(files, at("b"), "1");
      await files.write(at("c"), bytes("2"));
      await files.rename(at("b"), at("c"));
      await holds(files, at("c"), "1");
      await files.rename(at("c"), at("c"));
      await holds(files, at("c"), "1");
      await refused(files.rename(at("none"), at("c")), "ENOENT");
      await refused(files.rename(at("c"), at("none/c")), "ENOENT");
      equal(await names(files, root), ["c"]);
    },
  },

  "any name that is one is kept as it is": {
    needs: ["write", "names"],
    async run({ files, at, root = "/" }) {
      for (const name of NAMES) {
        equal((await files.write(at(name), bytes(name))).path, at(name));
      }
      equal(await names(files, root), NAMES.toSorted());
      for (const { name, kind } of await entries(files, root)) {
        equal(kind, "file");
        equal((await files.stat(at(name))).name, name);
        await holds(files, at(name), name);
      }
      for (const name of NAMES) {
        await files.rename(at(name), at("moved"));
        await holds(files, at("moved"), name);
        await files.rename(at("moved"), at(name));
        await files.remove(at(name));
      }
      equal(await names(files, root), []);
    },
  },

  "names that differ in case or in their bytes alone are two": {
    needs: ["write", "names"],
    async run({ files, at }) {
      const pairs = ["case", "CASE", "\u00e9", "e\u0301", "\u2126", "\u03a9"];
      for (const name of pairs) await files.write(at(name), bytes(name));
      for (const name of pairs) await holds(files, at(name), name);
    },
  },
};
