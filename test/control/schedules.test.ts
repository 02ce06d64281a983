import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture } from "./fixture.ts";

const AT = 4_000_000_000_000;

void test("a schedule is made, read, listed, changed, paused, resumed and taken away", async () => {
  await using f = await fixture();
  const body = { id: "later", agent: "ada", at: AT, payload: { n: 1 } };
  const response = await f.call("POST", "/schedules", { body });
  assert.equal(response.status, 201);
  assert.equal(response.headers.get("location"), "/schedules/later");
  assert.equal(response.headers.get("etag"), '"1"');
  const [, made] = await f.json("GET", "/schedules/later");
  assert.deepEqual(made, await response.json());
  assert.deepEqual([made["due"], made["status"], made["missed"]], [AT, "active", "once"]);
  await f.json("POST", "/schedules", { body: { ...body, id: "more" } });
  const [, page] = await f.json("GET", "/schedules?limit=1");
  assert.deepEqual([(page["items"] as unknown[]).length, page["cursor"]], [1, "later"]);
  const [, rest] = await f.json("GET", "/schedules?limit=2&cursor=later");
  assert.deepEqual(
    (rest["items"] as { id: string }[]).map(({ id }) => id),
    ["more"],
  );

  const headers = { "if-match": '"1"' };
  const [changed, after] = await f.json("PATCH", "/schedules/later", {
    body: { cron: "0 9 * * *", timeZone: "Europe/Berlin" },
    headers,
  });
  assert.deepEqual([changed, after["cron"], after["at"]], [200, "0 9 * * *", undefined]);
  const late = await f.json("PATCH", "/schedules/later", { body: { payload: 2 }, headers });
  assert.deepEqual([late[0], late[1].code], [412, "PRECONDITION"]);
  const [, paused] = await f.json("POST", "/schedules/later/pause");
  assert.deepEqual([paused["status"], paused["due"]], ["paused", undefined]);
  const [, resumed] = await f.json("POST", "/schedules/later/resume");
  assert.equal(resumed["status"], "active");
  assert.equal((await f.json("DELETE", "/schedules/later"))[0], 204);
  assert.equal((await f.json("DELETE", "/schedules/later"))[0], 404);
  assert.equal((await f.json("GET", "/schedules/later"))[0], 404);
});

void test("a schedule that is wrong is refused, naming what is", async () => {
  await using f = await fixture();
  const cases = [
    [{ agent: "ada" }, 400, /exactly one of "cron"/],
    [{ agent: "ada", cron: "nope" }, 400, /5 or 6/],
    [{ agent: "nobody", every: "1m" }, 404, /no agent "nobody"/],
    [{ agent: "a@b.example", every: "1m" }, 400, /Cannot name an agent/],
    [{ agent: "ada", every: "1m", type: "control" }, 400, /type/],
    [{ agent: "ada", every: "1m", color: "red" }, 400, /color/],
    [{ every: "1m" }, 400, /agent/],
  ] as const;
  for (const [body, status, detail] of cases) {
    const [actual, problem] = await f.json("POST", "/schedules", { body });
    assert.equal(actual, status, problem.detail);
    assert.match(problem.detail ?? "", detail);
  }
  assert.equal((await f.json("GET", "/schedules?limit=0"))[0], 400);
  assert.equal((await f.json("GET", "/schedules?cursor=%2F"))[0], 400);
  assert.equal((await f.json("GET", "/schedules/%2e%2e%2fa"))[0], 404);
  await f.json("POST", "/schedules", { body: { id: "a", agent: "ada", at: AT } });
  const again = await f.json("POST", "/schedules", { body: { id: "a", agent: "ada", at: AT } });
  assert.deepEqual([again[0], again[1].code], [409, "EXISTS"]);
});

void test("mail that is sent does not pass for a firing of a schedule", async () => {
  await using f = await fixture();
  const [status, problem] = await f.json("POST", "/agents/ada/send", {
    body: { payload: "x" },
    headers: { "idempotency-key": "schedule:a:1" },
  });
  assert.equal(status, 400, JSON.stringify(problem));
  assert.match(problem.detail ?? "", /must not begin with "schedule:"/);
});
