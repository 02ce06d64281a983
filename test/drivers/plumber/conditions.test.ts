import assert from "node:assert/strict";
import { test } from "node:test";
import { fits } from "./setting.ts";

void test("a rule without conditions is for every envelope", () => {
  assert.ok(fits(undefined, {}));
  assert.ok(fits({}, { to: "x", payload: null }));
});

void test("source, type, sender and recipient are tested by globs, lists and not", () => {
  const cases: readonly (readonly [test: object | string, text: string, fits: boolean])[] = [
    ["webhook", "webhook", true],
    ["webhook", "Webhook", false],
    ["web*", "webhook", true],
    ["*", "", true],
    ["w?bhook", "webhook", true],
    ["?", "\u{1f600}", true],
    ["a\\*", "a*", true],
    ["a\\*", "ab", false],
    ["*@acme.com", "ada@acme.com", true],
    ["*@acme.com", "ada@acme.com.evil", false],
    ["a*a", "a", false],
    ["*a*b*", "xbxaxbx", true],
    ["*a*b*", "xbxa", false],
    [["x", "web*"], "webhook", true],
    [{ not: "web*" }, "webhook", false],
    [{ not: ["a", "b"] }, "c", true],
    [{ exists: true }, "c", true],
    [{ exists: true, not: "c" }, "c", false],
    [{ exists: false }, "c", false],
    ["*[bot]", "dependabot[bot]", true],
    ["*", "a\nb/c", true],
  ];
  for (const [glob, text, expected] of cases) {
    for (const name of ["source", "from", "to"] as const) {
      const message = `${name} ${JSON.stringify(glob)} on ${JSON.stringify(text)}`;
      assert.equal(fits({ [name]: glob }, { [name]: text }), expected, message);
    }
  }
  assert.ok(fits({ type: "mess*" }, { type: "message" }));
  assert.ok(!fits({ type: "message" }, { type: "event" }));
});

void test("of what is not addressed to anybody a recipient is tested as absent", () => {
  assert.ok(!fits({ to: "*" }, {}));
  assert.ok(fits({ to: { not: "*" } }, {}));
  assert.ok(fits({ to: { exists: false } }, {}));
});

void test("a header is found whatever the case of its name", () => {
  const headers = { "X-GitHub-Event": "push" };
  assert.ok(fits({ headers: { "x-github-event": "push" } }, { headers }));
  assert.ok(fits({ headers: { "X-GITHUB-EVENT": ["pull*", "push"] } }, { headers }));
  assert.ok(!fits({ headers: { "x-github-event": "issues" } }, { headers }));
  assert.ok(!fits({ headers: { other: "*" } }, { headers }));
  assert.ok(fits({ headers: { other: { exists: false } } }, { headers }));
  assert.ok(!fits({ headers: { toString: "*", other: "*" } }, {}));
});

void test("a JSON path has to find something, or what it finds has to fit", () => {
  const payload = {
    ref: "refs/heads/main",
    n: 5,
    yes: true,
    no: null,
    five: "5",
    list: [1, "two"],
    commits: [{ id: "a", files: 3 }, { id: "b" }],
  };
  const cases: readonly (readonly [json: unknown, fits: boolean])[] = [
    ["$.ref", true],
    ["$.nothing", false],
    ["$.no", true],
    [["$.ref", "$.n"], true],
    [["$.ref", "$.nothing"], false],
    ["$.commits[?@.files > 2]", true],
    ["$.commits[?@.files > 3]", false],
    [{ "$.ref": "refs/heads/*" }, true],
    [{ "$.ref": "refs/tags/*" }, false],
    [{ "$.n": 5 }, true],
    [{ "$.n": "5" }, false],
    [{ "$.five": 5 }, false],
    [{ "$.yes": true }, true],
    [{ "$.no": null }, true],
    [{ "$.nothing": null }, false],
    [{ "$.n": [4, 5] }, true],
    [{ "$.n": { min: 5, max: 5 } }, true],
    [{ "$.n": { min: 6 } }, false],
    [{ "$.five": { min: 1 } }, false],
    [{ "$.n": { not: 5 } }, false],
    [{ "$.n": { not: [6, "x"] } }, true],
    [{ "$.nothing": { not: 5 } }, true],
    [{ "$.nothing": { exists: false } }, true],
    [{ "$.no": { exists: true } }, true],
    [{ "$.commits[*].id": "b" }, true],
    [{ "$.commits[*].id": { not: "b" } }, false],
    [{ "$..id": "b" }, true],
    [{ "$.list[-1]": "two" }, true],
    [{ "$.list": "two" }, false],
    [{ "$.constructor": { exists: true } }, false],
    [{ "$.list.length": { exists: true } }, false],
    [{ "$.ref": "refs/*", "$.n": 6 }, false],
  ];
  for (const [json, expected] of cases) {
    assert.equal(fits({ json: json as never }, { payload }), expected, JSON.stringify(json));
  }
});

void test("all conditions of a rule have to hold", () => {
  const when = { source: "webhook", from: "github", headers: { a: "1" }, json: { "$.b": 2 } };
  const good = { source: "webhook", from: "github", headers: { a: "1" }, payload: { b: 2 } };
  assert.ok(fits(when, good));
  assert.ok(!fits(when, { ...good, source: "http" }));
  assert.ok(!fits(when, { ...good, from: "gitlab" }));
  assert.ok(!fits(when, { ...good, headers: { a: "2" } }));
  assert.ok(!fits(when, { ...good, payload: { b: 3 } }));
});
