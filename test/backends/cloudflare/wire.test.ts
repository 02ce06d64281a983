import assert from "node:assert/strict";
import { test } from "node:test";
import type { ObjectNamespace } from "../../../src/backends/cloudflare/platform.ts";
import { call } from "../../../src/backends/cloudflare/wire.ts";
import type { HttpError } from "../../../src/control/problem.ts";

/** Objects that end as the platform says. */
function ending(text: string): ObjectNamespace {
  return {
    idFromName: (name) => name,
    get: () => ({ fetch: () => Promise.reject(new Error(text)) }),
  };
}

// As the platform words them.
const ENDS = [
  ["Durable Object exceeded its CPU time limit and was reset.", "LIMIT", 503, /limits\.cpu_ms/],
  ["Worker exceeded CPU time limit.", "LIMIT", 503, /limits\.cpu_ms/],
  ["Durable Object's isolate exceeded its memory limit and was reset.", "LIMIT", 503, /128 MB/],
  ["Worker exceeded memory limit.", "LIMIT", 503, /128 MB/],
  [
    "Durable Object is overloaded. Too many requests queued.",
    "BUSY",
    503,
    /more requests than it can take/,
  ],
  [
    "Durable Object reset because its code was updated.",
    "UNREACHABLE",
    503,
    /send again, with the same id/,
  ],
  ["Network connection lost.", "UNREACHABLE", 503, /send again, with the same id/],
] as const;

void test("call() says what a limit of the platform that ended an object means, and what to do", async () => {
  for (const [text, code, status, help] of ENDS) {
    await assert.rejects(
      call(ending(text), "npub", { method: "deliver", input: null }),
      (error: HttpError) => {
        assert.deepEqual([error.code, error.status], [code, status], text);
        assert.match(error.message, help);
        assert.ok(error.message.includes(text), "the platform's own words");
        assert.equal(error.headers["retry-after"], "1");
        return true;
      },
    );
  }
});
