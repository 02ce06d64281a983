import assert from "node:assert/strict";
import { test } from "node:test";
import { StateDraft } from "../../src/core/state.ts";

const stored = new Map([
  ["list", '[{"x":1}]'],
  ["n", "1"],
]);

void test("a view of the state cannot be frozen, and the error says what can be", () => {
  for (const make of [Object.freeze, Object.seal, Object.preventExtensions]) {
    const draft = new StateDraft(stored);
    assert.throws(() => make(draft.view), {
      code: "STATE",
      message: /freeze a copy, \{ \.\.\.ctx\.state \}/,
    });
    assert.equal(Object.isFrozen(draft.view), false);
    draft.view["n"] = 2;
    assert.deepEqual([...draft.changes(100).put], [["n", "2"]]);
  }
  assert.ok(Object.isFrozen(Object.freeze({ ...new StateDraft(stored).view })));
});

void test("a copy of the state, and what is below a key, can be cloned", () => {
  const { view } = new StateDraft(stored);
  assert.deepEqual(structuredClone({ ...view }), { list: [{ x: 1 }], n: 1 });
  assert.deepEqual(structuredClone(view["list"]), [{ x: 1 }]);
  assert.throws(() => structuredClone(view), { name: "DataCloneError" });
});
