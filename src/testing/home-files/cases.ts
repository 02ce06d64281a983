import { equal, ok, rejects } from "../assert.ts";
import { filesAt, paths } from "./kit.ts";
import type { HomeFilesCases } from "./kit.ts";

const MIB = 1024 * 1024;

export const CASES: HomeFilesCases = {
  "read() gives the text at a path, undefined where there is none": async ({ files }) => {
    equal(await files.read("a/b"), undefined);
    equal(await files.write({ put: filesAt("a/b") }), true);
    equal(await files.read("a/b"), "A/B");
    equal(await files.read("a"), undefined);
    equal(await files.read("a/b/"), undefined);
    equal(await files.read("A/B"), undefined);
  },

  "write() keeps every text as it is": async ({ files }) => {
    const values = [
      "",
      " ",
      "0",
      "null",
      '{"a":1}',
      "ä\u0000b\u0001\u{10ffff}\ufffd\n",
      "x".repeat(MIB),
    ];
    await files.write({ put: values.map((value, i) => ({ path: `v/${i}`, value })) });
    for (const [i, value] of values.entries()) {
      ok((await files.read(`v/${i}`)) === value, `value ${i} as it was`);
    }
  },

  "write() replaces, and removes what is there": async ({ files }) => {
    await files.write({ put: filesAt("a", "b", "c") });
    await files.write({ put: [{ path: "a", value: "2" }], remove: ["b", "none"] });
    equal(await files.list({ prefix: "", limit: 9 }), [
      { path: "a", value: "2" },
      { path: "c", value: "C" },
    ]);
  },

  "write() removes before it puts, and the last of two puts holds": async ({ files }) => {
    await files.write({ put: filesAt("a") });
    const put = [
      { path: "a", value: "1" },
      { path: "a", value: "2" },
    ];
    equal(await files.write({ put, remove: ["a", "a"] }), true);
    equal(await files.list({ prefix: "", limit: 9 }), [{ path: "a", value: "2" }]);
  },

  "write() changes nothing when what is there is not what was expected": async ({ files }) => {
    await files.write({ put: filesAt("a", "b") });
    const change = { put: filesAt("c"), remove: ["a"] };
    const refused = [
      [{ path: "a", value: undefined }],
      [{ path: "a", value: "a" }],
      [{ path: "none", value: "A" }],
      [{ path: "none", value: "" }],
      [
        { path: "a", value: "A" },
        { path: "b", value: "A" },
      ],
    ];
    for (const expect of refused) equal(await files.write({ ...change, expect }), false);
    equal(await paths(files), ["a", "b"]);
    const expect = [
      { path: "a", value: "A" },
      { path: "none", value: undefined },
    ];
    equal(await files.write({ expect }), true, "no change");
    equal(await files.write({ ...change, expect }), true);
    equal(await paths(files), ["b", "c"]);
    equal(await files.write({ ...change, expect }), false);
  },

  "write() lets one of many at a time win what all expect": async ({ files }) => {
    await files.write({ put: [{ path: "n", value: "0" }] });
    const add = async (): Promise<number> => {
      for (let tries = 1; ; tries += 1) {
        const value = await files.read("n");
        const put = [{ path: "n", value: String(Number(value) + 1) }];
        if (await files.write({ put, expect: [{ path: "n", value }] })) return tries;
      }
    };
    const tries = await Promise.all(Array.from({ length: 20 }, add));
    equal(await files.read("n"), "20");
    ok(Math.max(...tries) > 1, "one that lost at first");
  },

  "write() changes nothing when a part of it is refused": async ({ files }) => {
    await files.write({ put: filesAt("a") });
    const bad = { path: "", value: "x" };
    await rejects(files.write({ put: [...filesAt("b"), bad], remove: ["a"] }), "INVALID");
    await rejects(files.write({ put: filesAt("b"), remove: ["a", ""] }), "INVALID");
    await rejects(files.write({ put: filesAt("b"), expect: [{ ...bad }] }), "INVALID");
    const big = { path: "big", value: "x".repeat(MIB + 1) };
    await rejects(files.write({ put: [...filesAt("b"), big] }), "INVALID");
    equal(await paths(files), ["a"]);
  },

  "paths and values beyond the limits are refused": async ({ files }) => {
    const long = "é".repeat(500);
    await files.write({ put: [{ path: long, value: "x" }] });
    equal(await files.read(long), "x");
    for (const path of ["", `${long}x`, "a\nb", "a\u0000", "a\u007f", "\ud800", "a\udc00b"]) {
      await rejects(files.read(path), "INVALID");
      await rejects(files.write({ put: [{ path, value: "x" }] }), "INVALID");
      await rejects(files.write({ remove: [path] }), "INVALID");
    }
    const wide = "é".repeat(MIB / 2);
    await files.write({ put: [{ path: "wide", value: wide }] });
    await rejects(files.write({ put: [{ path: "wide", value: `${wide}x` }] }), "INVALID");
    await rejects(files.write({ put: [{ path: "x", value: "\ud800" }] }), "INVALID");
    ok((await files.read("wide")) === wide, "what was written before");
  },

  "list() refuses limits and bounds that no files take": async ({ files }) => {
    for (const limit of [0, -1, 1.5, 1001, NaN, Infinity]) {
      await rejects(files.list({ prefix: "", limit }), "INVALID");
    }
    for (const bad of ["\ud800", "a\u0000", "x".repeat(501)]) {
      await rejects(files.list({ prefix: bad, limit: 1 }), "INVALID");
      await rejects(files.list({ prefix: "", after: bad, limit: 1 }), "INVALID");
      await rejects(files.list({ prefix: "", before: bad, limit: 1 }), "INVALID");
    }
  },

  "list() goes by path as UTF-8 bytes": async ({ files }) => {
    const inOrder = ["a", "a/", "a/b", "a0", "b", "é", "\u{ffff}", "\u{10000}", "\u{10ffff}"];
    await files.write({ put: filesAt(...inOrder.toReversed()) });
    equal(await paths(files), inOrder);
    for (const [i, path] of inOrder.entries()) {
      equal(await paths(files, { after: path }), inOrder.slice(i + 1), `after ${path}`);
      equal(await paths(files, { before: path }), inOrder.slice(0, i), `before ${path}`);
    }
    equal(await paths(files, { prefix: "\u{ffff}" }), ["\u{ffff}"]);
    equal(await paths(files, { prefix: "\u{10ffff}" }), ["\u{10ffff}"]);
  },

  "list() takes a prefix as it is written": async ({ files }) => {
    await files.write({ put: filesAt("a%", "a_", "ab", "a*", "a[", "A%", "b%") });
    equal(await paths(files, { prefix: "a%" }), ["a%"]);
    equal(await paths(files, { prefix: "a_" }), ["a_"]);
    equal(await paths(files, { prefix: "a*" }), ["a*"]);
    equal(await paths(files, { prefix: "a" }), ["a%", "a*", "a[", "a_", "ab"]);
    equal(await paths(files, { prefix: "none" }), []);
  },

  "list() gives what is between its bounds, up to its limit": async ({ files }) => {
    await files.write({ put: filesAt("a/1", "a/2", "a/3", "a/4", "b/1") });
    equal(await paths(files, { prefix: "a/", limit: 2 }), ["a/1", "a/2"]);
    equal(await paths(files, { prefix: "a/", after: "a/2" }), ["a/3", "a/4"]);
    equal(await paths(files, { prefix: "a/", after: "a/1", before: "a/4" }), ["a/2", "a/3"]);
    equal(await paths(files, { prefix: "a/", after: "a/2~", limit: 1 }), ["a/3"]);
    const wide = await paths(files, { prefix: "a/", after: "0", before: "z" });
    equal(wide, ["a/1", "a/2", "a/3", "a/4"]);
    equal(await paths(files, { prefix: "a/", after: "z" }), []);
    equal(await paths(files, { prefix: "a/", before: "a" }), []);
    equal(await paths(files, { prefix: "a/", after: "a/3", before: "a/2" }), []);
    equal(await paths(files, { after: "", before: "a/2" }), ["a/1"]);
  },

  "list() gives paths alone where no values are asked for": async ({ files }) => {
    await files.write({ put: filesAt("a/1", "a/2", "b/1") });
    equal(await files.list({ prefix: "a/", limit: 9, values: false }), [
      { path: "a/1", value: "" },
      { path: "a/2", value: "" },
    ]);
    equal(await files.list({ prefix: "a/", limit: 1, values: true }), [
      { path: "a/1", value: "A/1" },
    ]);
  },

  "list() gives all in pages": async ({ files }) => {
    const all = Array.from({ length: 2500 }, (_, i) => `p/${String(i).padStart(5, "0")}`);
    await files.write({ put: filesAt(...all) });
    const seen: string[] = [];
    for (let after: string | undefined; ; after = seen.at(-1)) {
      const page = await paths(files, { prefix: "p/", after });
      seen.push(...page);
      if (page.length < 1000) break;
    }
    equal(seen, all);
  },

  "close() is idempotent, and no call does anything after it": async ({ files }) => {
    await files.write({ put: filesAt("a") });
    await files.close();
    await files.close();
    await rejects(files.read("a"), "STORE");
    await rejects(files.list({ prefix: "", limit: 1 }), "STORE");
    await rejects(files.write({ remove: ["a"] }), "STORE");
  },
};

/** Those that need `reopen`. */
export const REOPENING: HomeFilesCases = {
  "a restart finds what was written, and nothing of what was not": async ({ files, reopen }) => {
    await files.write({ put: filesAt("a", "b", "c") });
    await files.write({ put: [{ path: "a", value: "2" }], remove: ["b"] });
    await files.write({ put: filesAt("d"), expect: [{ path: "a", value: "1" }] });
    const again = await reopen();
    equal(await again.list({ prefix: "", limit: 9 }), [
      { path: "a", value: "2" },
      { path: "c", value: "C" },
    ]);
    equal(await again.write({ put: filesAt("d") }), true);
    equal(await paths(await reopen()), ["a", "c", "d"]);
  },
};
