import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { errnoOf } from "../../src/core/file-error.ts";
import {
  checkName,
  isWithin,
  joinPath,
  nameOf,
  normalPath,
  parentOf,
  partsOf,
  pathWithin,
} from "../../src/vfs/path.ts";

const RUNS = { numRuns: Number(process.env["FC_RUNS"] ?? 500) };

/** Parts that somebody would try who wants to get out, or to confuse. */
const part = fc.oneof(
  fc.constantFrom("", ".", "..", "...", "a", "B", ".a", "a.", "-", "%2e%2e", "%2f", "\\", "..\\.."),
  fc.constantFrom(
    "\0",
    "a\n",
    "\u007f",
    "\u0085",
    "\ud800",
    "\udc00x",
    "．．",
    "․․",
    "\u2215",
    "é",
  ),
  fc.constantFrom("x".repeat(255), "x".repeat(256), "é".repeat(128), "👍".repeat(63)),
  fc.string({ unit: "binary", maxLength: 6 }),
);
const raw = fc.oneof(
  fc.array(part, { maxLength: 20 }).map((parts) => `/${parts.join("/")}`),
  fc.array(part, { maxLength: 4 }).map((parts) => parts.join("/")),
  fc.string({ unit: "binary" }),
);
const name = fc.constantFrom("a", "b", "ab", "é", "x y", ".a", "...");
const normal = fc.array(name, { maxLength: 5 }).map((parts) => `/${parts.join("/")}`);

/** What the rules are, said at length. */
function byTheRules(path: string): string {
  if (path[0] !== "/") return "EINVAL";
  const parts = path.split("/").filter((one) => one !== "" && one !== ".");
  const bytes = (text: string): number => Buffer.from(text).byteLength;
  if (path.length > 4096) return "ENAMETOOLONG";
  for (const one of parts) {
    if (one === "..") return "EINVAL";
    for (let i = 0; i < one.length; i += 1) {
      if (one.charCodeAt(i) < 32 || one.charCodeAt(i) === 127) return "EINVAL";
    }
    if (Buffer.from(one).toString() !== one) return "EINVAL";
    if (bytes(one) > 255) return "ENAMETOOLONG";
  }
  return bytes(`/${parts.join("/")}`) > 4096 ? "ENAMETOOLONG" : `/${parts.join("/")}`;
}

function outcome(work: () => string): string {
  try {
    return work();
  } catch (error) {
    return errnoOf(error);
  }
}

void test("normalPath() is what the rules say, of any text", () => {
  fc.assert(
    fc.property(raw, (path) => {
      assert.equal(
        outcome(() => normalPath(path)),
        byTheRules(path),
      );
    }),
    RUNS,
  );
});

void test("normalPath() leaves what it gave as it is, and lets nothing through that leads up", () => {
  fc.assert(
    fc.property(raw, (path) => {
      const given = outcome(() => normalPath(path));
      if (!given.startsWith("/")) return;
      assert.equal(normalPath(given), given);
      const parts = partsOf(given);
      assert.ok(parts.every((one) => one !== "" && one !== "." && one !== ".."));
      assert.ok(given === "/" || !given.endsWith("/"));
      for (const one of parts) assert.equal(checkName(one), one);
      // What the platform makes of it, which knows more tricks, stays where it is.
      const resolved = new URL(parts.map(encodeURIComponent).join("/"), "file:///root/").pathname;
      assert.ok(resolved.startsWith("/root/"), resolved);
    }),
    RUNS,
  );
});

void test("normalPath() folds what says nothing", () => {
  const folded = { "/": "/", "//": "/", "/.": "/", "/./": "/", "/a/": "/a", "//a//./b/": "/a/b" };
  for (const [path, given] of Object.entries(folded)) assert.equal(normalPath(path), given);
});

void test("normalPath() refuses a text of millions of parts at once", () => {
  for (const path of ["/a".repeat(5_000_000), "/".repeat(10_000_000), "/..".repeat(3_000_000)]) {
    assert.equal(
      outcome(() => normalPath(path)),
      "ENAMETOOLONG",
    );
  }
});

void test("normalPath() refuses what is no text", () => {
  for (const path of [undefined, null, 7, {}, ["/a"], new String("/a")]) {
    const refused = outcome(() => normalPath(path as string));
    assert.equal(refused, "EINVAL");
  }
});

void test("an error on a path shows it with nothing that a terminal obeys", () => {
  const quiet = ({ message }: Error): boolean => {
    const units = Array.from(message, (character) => character.charCodeAt(0));
    return (
      units.every((unit) => unit >= 32 && (unit < 127 || unit > 159)) && message.isWellFormed()
    );
  };
  for (const path of ["/a\u001b[2J", "/a\u007f", "/../\u009b2J", "/a\n", "\ud800"]) {
    assert.throws(() => normalPath(path), quiet);
  }
});

void test("checkName() takes one part of a path and nothing else", () => {
  fc.assert(
    fc.property(part, (text) => {
      const whole = outcome(() => normalPath(`/${text}`));
      const same = whole === `/${text}` && whole !== "/" && partsOf(whole).length === 1;
      assert.equal(outcome(() => checkName(text)) === text, same);
    }),
    RUNS,
  );
});

void test("a path is its directory and its name, and what it is within with what is left", () => {
  fc.assert(
    fc.property(normal, normal, (one, other) => {
      if (one !== "/") assert.equal(joinPath(parentOf(one), nameOf(one)), one);
      const joined = joinPath(one, other);
      assert.equal(normalPath(joined), joined);
      assert.ok(isWithin(joined, one));
      assert.equal(pathWithin(joined, one), other);
      const [parts, above] = [partsOf(one), partsOf(other)];
      assert.equal(
        isWithin(one, other),
        above.every((name, i) => parts[i] === name),
      );
    }),
    RUNS,
  );
});
