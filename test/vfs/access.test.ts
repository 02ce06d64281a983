import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { ACCESS, isAccess, lower } from "../../src/vfs/access.ts";
import type { Act } from "../../src/vfs/access.ts";
import type { Access } from "../../src/core/ports/files.ts";

const LEVELS = Object.keys(ACCESS) as Access[];
const ACTS: readonly Act[] = ["read", "write", "exchange"];

void test("ACCESS lets through what each level is for", () => {
  const through = (level: Access, name: string): string =>
    ACTS.filter((act) => ACCESS[level](act, name)).join(" ");
  const table = Object.fromEntries(
    LEVELS.map((level) => [level, [through(level, "file"), through(level, "sign")]]),
  );
  assert.deepEqual(table, {
    "read-only": ["read", "read"],
    "read-write": ["read write exchange", "read write exchange"],
    "sign-only": ["read", "read exchange"],
    budgeted: ["read write exchange", "read write exchange"],
    disabled: ["", ""],
  });
});

void test("lower() gives one of the two, which lets through no more than either", () => {
  const level = fc.constantFrom(...LEVELS);
  const name = fc.oneof(fc.constantFrom("sign", "Sign", "sign ", "resign"), fc.string());
  fc.assert(
    fc.property(level, level, name, (a, b, name) => {
      const least = lower(a, b);
      assert.ok(least === a || least === b);
      assert.equal(lower(b, a), least);
      for (const act of ACTS) {
        if (ACCESS[least](act, name)) assert.ok(ACCESS[a](act, name) && ACCESS[b](act, name));
      }
    }),
  );
});

void test("isAccess() knows the levels and nothing that objects have", () => {
  for (const level of LEVELS) assert.ok(isAccess(level));
  for (const other of ["", "read", "toString", "__proto__", undefined, 1]) {
    assert.ok(!isAccess(other));
  }
});
