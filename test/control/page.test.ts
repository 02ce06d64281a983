import assert from "node:assert/strict";
import { test } from "node:test";
import { numberedPage } from "../../src/control/page.ts";
import type { NumberedPage } from "../../src/control/page.ts";
import { afterParameter, limitParameter } from "../../src/control/query.ts";

interface Row {
  readonly n: number;
  readonly text: string;
}

/** A listing of rows of this many characters each, and how many characters were read at once at most. */
function listing(count: number, length: number) {
  const all = Array.from({ length: count }, (_, i): Row => ({
    n: i + 1,
    text: "x".repeat(length),
  }));
  const read = { most: 0 };
  return {
    read,
    async all(limit: number): Promise<readonly number[]> {
      const pages: number[] = [];
      const seen: number[] = [];
      for (let after: number | undefined = 0; after !== undefined;) {
        const page: NumberedPage<Row> = await numberedPage<Row>(
          { after, limit },
          {
            read: async (last, few) => {
              const rows = all.slice(last, last + few);
              read.most = Math.max(read.most, rows.length * length);
              return rows;
            },
            number: ({ n }) => n,
            size: ({ text }) => text.length,
          },
        );
        pages.push(page.items.length);
        seen.push(...page.items.map(({ n }) => n));
        after = page.cursor === undefined ? undefined : Number(page.cursor);
      }
      assert.deepEqual(
        seen,
        all.map(({ n }) => n),
      );
      return pages;
    },
  };
}

void test("numberedPage() gives as many as were asked for, and where to go on", async () => {
  assert.deepEqual(await listing(25, 10).all(10), [10, 10, 5]);
  assert.deepEqual(await listing(20, 10).all(10), [10, 10, 0]);
  assert.deepEqual(await listing(0, 10).all(10), [0]);
});

void test("numberedPage() gives fewer where rows are large, and reads few of them at once", async () => {
  const large = listing(20, 1_000_000);
  assert.deepEqual(await large.all(1000), [5, 5, 5, 5, 0]);
  assert.ok(large.read.most <= 2_000_000, String(large.read.most));
  assert.deepEqual(await listing(3, 10_000_000).all(1000), [1, 1, 1, 0]);
});

void test("afterParameter and limitParameter refuse what is no number", () => {
  for (const text of ["x", "-1", ""]) {
    assert.throws(() => afterParameter.parse(text), { code: "INVALID" });
  }
  for (const text of ["0", "1001", "1.5"]) {
    assert.throws(() => limitParameter.parse(text), { code: "INVALID" });
  }
  assert.equal(limitParameter.parse(undefined), 100);
});
