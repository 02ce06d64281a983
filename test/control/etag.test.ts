import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { etagOf, revisionsOf } from "../../src/control/etag.ts";
import { systemClock, systemRandom } from "../../src/core/system.ts";
import { webhooks } from "../../src/control/webhooks.ts";
import { memoryHomeFiles } from "../../src/stores/memory/home-files.ts";
import { fixture } from "./fixture.ts";
import type { Fixture } from "./fixture.ts";

void test("revisionsOf() reads lists of entity tags, of which weak ones match nothing", () => {
  assert.equal(revisionsOf(undefined), undefined);
  assert.equal(revisionsOf(" * "), undefined);
  assert.deepEqual(revisionsOf('"a"'), ["a"]);
  assert.deepEqual(revisionsOf(' "a" ,"b-c",, W/"d" , "!#,~"'), ["a", "b-c", "!#,~"]);
  assert.deepEqual(revisionsOf('W/"a"'), []);
  for (const bad of [
    "",
    "a",
    '"a',
    'a"',
    '"a" "b"',
    "W/a",
    '*, "a"',
    'w/"a"',
    '"a\u0001"',
    "x".repeat(9000),
  ]) {
    assert.throws(() => revisionsOf(bad), /Cannot read "If-Match"/, bad);
  }
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[\w-]{1,16}$/), { minLength: 1 }), (revisions) => {
      const header = revisions.map((revision) => etagOf({ revision })).join(", ");
      assert.deepEqual(revisionsOf(header), revisions);
    }),
  );
});

async function home(): Promise<Fixture> {
  const post = async () => ({ status: 200, headers: {}, body: "" });
  const files = memoryHomeFiles();
  const out = webhooks({ files, clock: systemClock, random: systemRandom, post });
  return fixture({ webhooks: out });
}

/** What is made, and where it is changed; and what changes it. */
const KINDS = [
  {
    at: "/agents",
    body: { name: "bob", type: "echo" },
    change: { labels: ["a"] },
    other: { labels: ["b"] },
    removes: false,
  },
  {
    at: "/agents/ada/goals",
    body: { id: "g", title: "t" },
    change: { title: "u" },
    other: { progress: 1 },
    removes: true,
  },
  {
    at: "/schedules",
    body: { id: "s", agent: "ada", every: "1h" },
    change: { every: "2h" },
    other: { every: "3h" },
    removes: true,
  },
  {
    at: "/webhooks",
    body: { url: "https://example.com/x", events: ["*"] },
    change: { events: ["agent.*"] },
    other: { active: false },
    removes: true,
  },
] as const;

for (const { at, body, change, other, removes } of KINDS) {
  void test(`If-Match guards changes of what is at ${at}`, async () => {
    await using f = await home();
    const made = await f.call("POST", at, { body });
    assert.equal(made.status, 201, await made.clone().text());
    const first = made.headers.get("etag") ?? "";
    assert.match(first, /^"[\w-]+"$/);
    const { id, revision } = (await made.json()) as { id: string; revision: string };
    assert.equal(first, `"${revision}"`);
    const path = `${at}/${id}`;
    const patch = (ifMatch: string, to: object): Promise<Response> =>
      f.call("PATCH", path, { body: to, headers: { "if-match": ifMatch } });
    const changed = await patch(`"nothing", ${first}`, change);
    assert.equal(changed.status, 200, await changed.clone().text());
    const second = changed.headers.get("etag") ?? "";
    assert.notEqual(second, first);
    for (const old of [first, `W/${second}`, '"x", "y"']) {
      const refused = await patch(old, other);
      assert.equal(refused.status, 412, old);
      assert.equal(((await refused.json()) as { code: string }).code, "PRECONDITION");
    }
    assert.equal((await patch("none", other)).status, 400);
    // Of those who saw the same, one changes it.
    const rivals = [0, 1, 2].map((i) => patch(second, i === 0 ? other : change));
    const statuses = (await Promise.all(rivals)).map(({ status }) => status);
    const won = statuses.filter((status) => status === 200).length;
    assert.ok(
      won >= 1 && statuses.every((status) => status === 200 || status === 412),
      String(statuses),
    );

    const remove = async (headers: Record<string, string>): Promise<number> =>
      (await f.call("DELETE", path, { headers })).status;
    assert.equal(await remove({ "if-match": first }), removes ? 412 : 400);
    const last = await patch("*", change);
    assert.equal(last.status, 200);
    assert.equal(await remove(removes ? { "if-match": last.headers.get("etag") ?? "" } : {}), 204);
  });
}

void test("a goal that changes before the turn of a change comes is not changed by it", async () => {
  await using f = await home();
  const added = await f.runtime.addGoal("ada", { id: "g", title: "t" });
  const ifMatch = added.revision;
  const both = await Promise.allSettled([
    f.runtime.updateGoal("ada", "g", { title: "one" }, { ifMatch }),
    f.runtime.updateGoal("ada", "g", { title: "two" }, { ifMatch }),
    f.runtime.removeGoal("ada", "g", { ifMatch }),
  ]);
  assert.deepEqual(
    both.map((one) =>
      one.status === "fulfilled" ? "done" : (one.reason as { code: string }).code,
    ),
    ["done", "PRECONDITION", "PRECONDITION"],
  );
  const [goal] = await f.runtime.goals("ada", "", 10);
  assert.equal(goal?.title, "one");
  assert.equal((await f.runtime.get("ada")).status, "active");
});

void test("If-Match is refused where it is not heeded", async () => {
  await using f = await home();
  await f.runtime.settled();
  const [status, { detail }] = await f.json("DELETE", "/agents/ada", {
    headers: { "if-match": '"x"' },
  });
  assert.equal(status, 400);
  assert.match(detail ?? "", /"If-Match": it is not heeded here/);
  assert.equal((await f.runtime.get("ada")).status, "active");
});
