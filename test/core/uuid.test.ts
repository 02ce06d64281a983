import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { uuidv7 } from "../../src/core/uuid.ts";

void test("uuidv7() gives the example of RFC 9562, appendix A.6", () => {
  // rand_a 0xCC3 and rand_b 0x18C4DC0C0C07398F, in the bytes that this function takes them from.
  const random = Uint8Array.from([0xcc, 0x38, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f, 0x01]);
  assert.equal(uuidv7(0x017f22e279b0, random), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
});

void test("uuidv7() is well formed, and sorts by time", () => {
  const bytes = fc.uint8Array({ minLength: 10, maxLength: 10 });
  const time = fc.nat({ max: 2 ** 48 - 2 });
  fc.assert(
    fc.property(time, bytes, bytes, (now, a, b) => {
      const [first, second] = [uuidv7(now, a), uuidv7(now + 1, b)];
      assert.match(first, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      assert.ok(first < second);
    }),
  );
});
