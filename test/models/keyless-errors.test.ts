import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { keylessErrors } from "../../src/models/keyless-errors.ts";

/** A response whose body comes in these pieces. */
function coming(pieces: readonly Uint8Array[], status: number): Response {
  return new Response(ReadableStream.from(pieces) as ReadableStream<Uint8Array<ArrayBuffer>>, {
    status,
    headers: { "content-length": "7", "retry-after": "3" },
  });
}

void test("keylessErrors() takes the key out of what failed, however it comes, and changes nothing else", async () => {
  const key = "aabaab-ö";
  const part = fc.constantFrom(key, "a", "aab", "aabaab", "ö", "b-", "\u{1F511}", "");
  await fc.assert(
    fc.asyncProperty(fc.array(part), fc.integer({ min: 1, max: 9 }), async (parts, size) => {
      const text = parts.join("");
      const bytes = new TextEncoder().encode(text);
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.slice(i * size, (i + 1) * size),
      );
      const failed = keylessErrors(async () => coming(pieces, 400), key, "K");
      const response = await failed("http://x.test");
      assert.equal(await response.text(), text.replaceAll(key, "[secret K]"));
      assert.equal(response.headers.get("content-length"), null);
      assert.deepEqual([response.status, response.headers.get("retry-after")], [400, "3"]);
      const fine = coming(pieces, 200);
      assert.equal(await keylessErrors(async () => fine, key, "K")("http://x.test"), fine);
    }),
    { numRuns: 200 },
  );
});
