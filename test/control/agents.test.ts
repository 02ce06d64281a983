import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture } from "./fixture.ts";

void test("PATCH changes name and labels, under If-Match once for each revision", async () => {
  await using f = await fixture();
  const first = await f.call("GET", "/agents/ada");
  const etag = first.headers.get("etag") ?? "";
  assert.match(etag, /^"[\w-]+"$/);
  const headers = { "if-match": etag };
  const body = { name: "eve", labels: ["b", "a"] };
  const changed = await f.call("PATCH", "/agents/ada", { body, headers });
  assert.equal(changed.status, 200);
  const agent = (await changed.json()) as { name: string; labels: string[] };
  assert.deepEqual([agent.name, agent.labels], ["eve", ["a", "b"]]);
  assert.notEqual(changed.headers.get("etag"), etag);
  const [status, problem] = await f.json("PATCH", "/agents/eve", { body, headers });
  assert.deepEqual([status, problem.code], [412, "PRECONDITION"]);
  const any = await f.call("PATCH", "/agents/eve", { body, headers: { "if-match": "*" } });
  assert.equal(any.status, 200);
  for (const tag of ["eve", "W/", ""]) {
    const bad = await f.json("PATCH", "/agents/eve", { body, headers: { "if-match": tag } });
    assert.deepEqual([bad[0], bad[1].code], [400, "INVALID"], tag);
  }
  const [, listed] = await f.json("GET", "/agents?label=a");
  assert.equal((listed["items"] as unknown[]).length, 1);
  assert.equal((await f.json("GET", "/agents/ada"))[0], 404);
  await f.runtime.create({ name: "bob", type: "echo" });
  const taken = await f.json("PATCH", "/agents/eve", { body: { name: "bob" } });
  assert.deepEqual([taken[0], taken[1].code], [409, "EXISTS"]);
});

void test("every answer has the id of its request, the sender's own where that is one", async () => {
  await using f = await fixture();
  const ask = async (id?: string): Promise<Response> =>
    f.call("GET", "/agents/nobody", { headers: id === undefined ? {} : { "x-request-id": id } });
  const own = await ask("abc-1");
  assert.equal(own.headers.get("x-request-id"), "abc-1");
  assert.equal(((await own.json()) as { requestId: string }).requestId, "abc-1");
  for (const bad of [undefined, "a b", "x".repeat(200), "<script>"]) {
    const id = (await ask(bad)).headers.get("x-request-id") ?? "";
    assert.match(id, /^[0-9a-f-]{36}$/);
  }
});
