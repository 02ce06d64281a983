import assert from "node:assert/strict";
import { test } from "node:test";
import { GRANTS, PARTS } from "../../src/vfs/grants.ts";
import type { Part } from "../../src/vfs/grants.ts";

const [no, ro, rw] = ["disabled", "read-only", "read-write"] as const;

void test("GRANTS gives each user of a tree what belongs to them", () => {
  const table: Readonly<Record<Part, readonly string[]>> = {
    //          agent editor read operate admin
    ctl: /*  */ [no, no, ro, rw, rw],
    status: [ro, ro, ro, ro, ro],
    inbox: [ro, ro, ro, rw, rw],
    outbox: [ro, ro, ro, ro, ro],
    deadletter: [ro, ro, ro, rw, rw],
    state: [rw, rw, ro, rw, rw],
    config: [ro, ro, ro, rw, rw],
    goals: [rw, rw, ro, rw, rw],
    children: [ro, rw, ro, rw, rw],
    memory: [rw, rw, ro, rw, rw],
    identity: [rw, ro, ro, ro, rw],
    alarms: [rw, rw, ro, rw, rw],
    mounts: [rw, rw, ro, ro, rw],
    logs: [ro, ro, ro, ro, ro],
    metrics: [ro, ro, ro, ro, ro],
    nostr: [rw, rw, ro, rw, rw],
    outside: [rw, no, ro, rw, rw],
    others: [rw, no, no, no, rw],
  };
  assert.deepEqual(Object.keys(GRANTS).sort(), [...PARTS].sort());
  for (const part of PARTS) {
    const { agent, editor, read, operate, admin, boundAdmin } = GRANTS[part];
    assert.deepEqual([agent, editor, read, operate, admin], table[part], part);
    // What leads to other agents is not for whoever is bound to some.
    const bound: Partial<Record<Part, string>> = { others: no, mounts: ro };
    assert.equal(boundAdmin, bound[part] ?? admin, part);
  }
});
