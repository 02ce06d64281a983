import assert from "node:assert/strict";
import { test } from "node:test";
import { gatewayApi } from "../../src/control/gateway.ts";
import { storedTokens } from "../../src/control/tokens.ts";
import { bearerAccess } from "../../src/control/bearer-access.ts";
import { systemClock, systemRandom } from "../../src/core/system.ts";
import { memoryHomeFiles } from "../../src/stores/memory.ts";
import { fixture, TOKEN } from "./fixture.ts";
import type { CallInput, Fixture } from "./fixture.ts";
import { BOX_LIMIT, treesOf } from "./file-tree.ts";
import type { FileTree } from "./file-tree.ts";

const ADA = "/fs/agents/ada";

interface Home extends Fixture {
  readonly ada: FileTree;
}

async function home(options: Parameters<typeof fixture>[0] = {}): Promise<Home> {
  const { trees, tree } = treesOf();
  const f = await fixture({ tree, ...options });
  // It is made when it is first asked for.
  await f.runtime.fs("ada").stat("/");
  return { ...f, ada: trees.get("ada")!, [Symbol.asyncDispose]: () => f.runtime.stop(0) };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function said(response: Promise<Response>): Promise<[number, string]> {
  const { status, ...rest } = await told(response);
  return [status, rest.text];
}

async function told(response: Promise<Response>): Promise<{
  readonly status: number;
  readonly text: string;
  readonly header: (name: string) => string | null;
}> {
  const answer = await response;
  const text = await answer.text();
  return { status: answer.status, text, header: (name) => answer.headers.get(name) };
}

void test("a file is written, read, added to and removed at both addresses of an agent's tree", async () => {
  await using h = await home();
  const put = await told(h.call("PUT", `${ADA}/notes/`, {}));
  assert.deepEqual([put.status, put.header("location")], [201, `${ADA}/notes`]);
  const made = await told(h.call("PUT", "/agents/ada/notes/a b.txt", { body: "one\n" }));
  assert.equal(made.status, 201);
  assert.equal(made.header("location"), `${ADA}/notes/a%20b.txt`);
  assert.deepEqual(JSON.parse(made.text), { path: "/notes/a b.txt" });
  assert.deepEqual(await said(h.call("GET", `${ADA}/notes/a%20b.txt`)), [200, "one\n"]);
  assert.deepEqual(await said(h.call("POST", `${ADA}/notes/a%20b.txt`, { body: "two\n" })), [
    204,
    "",
  ]);
  const read = await told(h.call("GET", "/agents/ada/notes/a%20b.txt"));
  assert.equal(read.text, "one\ntwo\n");
  assert.equal(read.header("content-type"), "application/octet-stream");
  assert.equal(read.header("content-length"), "8");
  assert.equal(read.header("x-content-type-options"), "nosniff");
  assert.match(read.header("last-modified") ?? "", /^\w{3}, \d\d \w{3} 20\d\d .* GMT$/);
  assert.deepEqual(await said(h.call("PUT", `${ADA}/notes/a%20b.txt`, { body: "three" })), [
    204,
    "",
  ]);
  const moved = await said(h.call("POST", `${ADA}/notes/a%20b.txt?to=/agents/ada/c`));
  assert.deepEqual(moved, [204, ""]);
  assert.deepEqual(await said(h.call("POST", "/agents/ada/c?to=/d")), [204, ""]);
  assert.deepEqual(await said(h.call("GET", `${ADA}/d`)), [200, "three"]);
  assert.deepEqual(await said(h.call("DELETE", `${ADA}/d`)), [204, ""]);
  assert.deepEqual(await said(h.call("DELETE", `${ADA}/notes`)), [204, ""]);
  const [status, gone] = await h.json("GET", `${ADA}/d`);
  assert.deepEqual([status, gone.code, gone["errno"]], [404, "NOT_FOUND", "ENOENT"]);
});

void test("the addresses of the API stay the API's, with every method, and the tree has them below /fs", async () => {
  await using h = await home();
  await h.ada.write("/status", bytes("a file"));
  assert.equal((await h.json("GET", "/agents/ada/status"))[1]["name"], "ada");
  assert.deepEqual(await said(h.call("GET", `${ADA}/status`)), [200, "a file"]);
  const put = await told(h.call("PUT", "/agents/ada/status", { body: "x" }));
  assert.deepEqual([put.status, put.header("allow")], [405, "GET"]);
  assert.equal((await h.call("PUT", "/agents/ada/goals/7", { body: "x" })).status, 405);
  assert.equal(
    (await h.call("GET", "/agents/ada")).headers.get("content-type"),
    "application/json",
  );
  // The directory itself has a slash.
  assert.equal((await told(h.call("GET", "/agents/ada/"))).text, "box/\necho\nevents\nstatus\n");
  assert.equal((await h.call("PATCH", `${ADA}/status`, { body: "x" })).status, 405);
  assert.equal((await h.call("PATCH", "/agents/ada/nothing", { body: "x" })).status, 405);
});

void test("HEAD has what GET has but the body", async () => {
  await using h = await home();
  await h.ada.write("/a", bytes("12345"));
  const get = await told(h.call("GET", `${ADA}/a`));
  const head = await told(h.call("HEAD", `${ADA}/a`));
  assert.deepEqual([head.status, head.text], [200, ""]);
  for (const name of ["etag", "content-length", "content-type", "last-modified", "accept-ranges"]) {
    assert.equal(head.header(name), get.header(name), name);
  }
  // A stream is not opened for it.
  assert.equal((await h.call("HEAD", `${ADA}/events`)).status, 200);
  assert.equal((await h.call("HEAD", `${ADA}/a?watch=1`)).status, 200);
  assert.equal((await h.call("HEAD", ADA)).status, 200);
  assert.equal(h.ada.following, 0);
  assert.equal((await h.call("HEAD", "/agents/ada/stream")).status, 405);
});

void test("a part of a file is given for one Range, and 416 where there is none", async () => {
  await using h = await home();
  for (const name of ["known", "unknown"]) {
    await h.ada.write(`/${name}`, bytes("0123456789"));
    const ask = (range: string, more: Record<string, string> = {}) =>
      told(h.call("GET", `${ADA}/${name}`, { headers: { range, ...more } }));
    for (const [range, text, where] of [
      ["bytes=2-4", "234", "bytes 2-4/10"],
      ["bytes=7-", "789", "bytes 7-9/10"],
      ["bytes=-3", "789", "bytes 7-9/10"],
      ["bytes=-99", "0123456789", "bytes 0-9/10"],
      ["bytes=0-99999999999999999999", "0123456789", "bytes 0-9/10"],
    ] as const) {
      const { status, text: got, header } = await ask(range);
      // Of how long it is, no more is known than was read.
      const told = name === "unknown" && range === "bytes=2-4" ? "bytes 2-4/*" : where;
      assert.deepEqual([status, got, header("content-range")], [206, text, told], range);
      assert.equal(header("content-length"), String(text.length));
    }
    for (const range of ["bytes=10-", "bytes=-0", "bytes=11-20"]) {
      const { status, header } = await ask(range);
      const told = name === "unknown" && range !== "bytes=-0" ? null : "bytes */10";
      assert.deepEqual([status, header("content-range")], [416, told], range);
    }
    for (const range of ["bytes=0-1,3-4", "bytes=4-2", "lines=1-2", "bytes=-", "x"]) {
      assert.deepEqual((await ask(range)).status, 200, range);
    }
    const { header } = await told(h.call("GET", `${ADA}/${name}`));
    const tag = header("etag")!;
    assert.equal(
      (await ask("bytes=0-1", { "if-range": tag })).status,
      name === "known" ? 206 : 200,
    );
    assert.equal((await ask("bytes=0-1", { "if-range": '"other"' })).status, 200);
    const date = header("last-modified")!;
    assert.equal((await ask("bytes=0-1", { "if-range": date })).status, 200);
  }
});

void test("a large file comes in pieces, and breaks off when it changes while it is read", async () => {
  await using h = await home();
  const large = Uint8Array.from({ length: 3_500_000 }, (_, i) => (i * 31) % 251);
  await h.ada.write("/large", large);
  const all = await h.call("GET", `${ADA}/large`);
  assert.equal(all.headers.get("content-length"), "3500000");
  assert.deepEqual(new Uint8Array(await all.arrayBuffer()), large);
  const range = { headers: { range: "bytes=1000-2500000" } };
  const part = await (await h.call("GET", `${ADA}/large`, range)).arrayBuffer();
  assert.deepEqual(new Uint8Array(part), large.slice(1000, 2_500_001));
  const cut = await h.api.request(`${ADA}/large`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  const reader = cut.body!.getReader();
  await reader.read();
  await h.ada.write("/large", large.slice(0, 3_000_000));
  await assert.rejects(async () => {
    while (!(await reader.read()).done);
  }, /has changed/);
});

void test("ETags: If-None-Match gives 304, If-Match and If-None-Match: * guard what is written", async () => {
  await using h = await home();
  const put = (headers: Record<string, string>, path = "a", method = "PUT") =>
    h.json(method, `${ADA}/${path}`, { body: "new", headers });
  await h.ada.write("/a", bytes("old"));
  const tag = (await h.call("GET", `${ADA}/a`)).headers.get("etag")!;
  assert.match(tag, /^"[0-9a-f]+"$/);
  for (const none of [tag, `W/${tag}`, `"x", ${tag}`, "*"]) {
    const headers = { "if-none-match": none };
    assert.deepEqual(await said(h.call("GET", `${ADA}/a`, { headers })), [304, ""], none);
  }
  const other = { headers: { "if-none-match": '"x"' } };
  assert.deepEqual(await said(h.call("GET", `${ADA}/a`, other)), [200, "old"]);
  const cases: readonly (readonly [Record<string, string>, string, number, string?])[] = [
    [{ "if-match": '"x"' }, "a", 412, "PRECONDITION"],
    [{ "if-match": `W/${tag}` }, "a", 412, "PRECONDITION"],
    [{ "if-match": "*" }, "nothing", 412, "PRECONDITION"],
    [{ "if-none-match": "*" }, "a", 412, "PRECONDITION"],
    [{ "if-none-match": '"x"' }, "a", 400, "INVALID"],
    [{ "if-match": "x" }, "a", 400, "INVALID"],
  ];
  for (const [headers, path, status, code] of cases) {
    for (const method of ["PUT", "POST"]) {
      const [got, problem] = await put(headers, path, method);
      assert.deepEqual([got, problem.code], [status, code], `${method} ${JSON.stringify(headers)}`);
    }
  }
  assert.equal((await put({ "if-match": tag }))[0], 204);
  assert.equal((await put({ "if-match": tag }))[0], 412);
  assert.equal((await put({ "if-match": "*" }))[0], 204);
  assert.equal((await put({ "if-none-match": "*" }, "b"))[0], 201);
  // What heeds no condition is refused under one.
  const headers = { "if-match": tag };
  for (const [method, path] of [
    ["DELETE", "a"],
    ["POST", "a?to=/agents/ada/z"],
    ["POST", "a?size=1"],
    ["POST", "echo"],
    ["PUT", "dir/"],
  ] as const) {
    assert.equal(
      (await h.json(method, `${ADA}/${path}`, { headers }))[0],
      400,
      `${method} ${path}`,
    );
  }
  const once = { headers: { "idempotency-key": "k" }, body: "x" };
  assert.equal((await h.json("POST", `${ADA}/a`, once))[1].code, "INVALID");
});

void test("a directory comes as lines, or as a page for whoever accepts JSON", async () => {
  await using h = await home();
  for (let i = 0; i < 5; i += 1) await h.ada.write(`/f${i}`, bytes("x"));
  const lines = await told(h.call("GET", `${ADA}?limit=4`));
  assert.equal(lines.text, "box/\necho\nevents\nf0\n");
  assert.match(lines.header("content-type") ?? "", /^text\/plain/);
  assert.match(lines.header("vary") ?? "", /Accept/);
  const [, next] = /^<(.*)>; rel="next"$/.exec(lines.header("link") ?? "") ?? [];
  const rest = await told(h.call("GET", next!));
  assert.equal(rest.text, "f1\nf2\nf3\nf4\n");
  assert.equal(rest.header("link"), null);
  const headers = { accept: "text/html, application/json;q=0.9" };
  const [status, page] = await h.json("GET", `${ADA}/?limit=2`, { headers });
  assert.equal(status, 200);
  assert.deepEqual(page["items"], [
    { name: "box", kind: "directory", access: "rw", limit: BOX_LIMIT },
    { name: "echo", kind: "file", access: "rw", nature: "exchange" },
  ]);
  assert.equal(page["cursor"], "echo");
  const [, file] = await h.json("GET", `${ADA}/f0?stat=1`);
  assert.deepEqual([file["name"], file["kind"], file["size"]], ["f0", "file", 1]);
  assert.equal((await h.json("GET", `${ADA}/f0/`))[1]["errno"], "ENOTDIR");
  assert.equal((await h.json("GET", `${ADA}?limit=0`))[0], 400);
});

void test("a new entry of a directory is named by it, and its size is limited before it is read", async () => {
  await using h = await home();
  const headers = { "content-type": "application/json; charset=utf-8" };
  const made = await told(h.call("POST", `${ADA}/box`, { body: "{}", headers }));
  assert.equal(made.status, 201);
  assert.equal(made.header("location"), `${ADA}/box/1`);
  assert.deepEqual(JSON.parse(made.text), { path: "/agents/ada/box/1" });
  assert.equal(h.ada.types.get("/box/1"), "application/json");
  const short = await h.json("POST", "/agents/ada/box", { body: "x" });
  assert.deepEqual(short, [201, { path: "/box/2" }]);
  for (const [method, path] of [
    ["POST", "box"],
    ["PUT", "box/any"],
  ] as const) {
    const body = new ReadableStream({
      pull() {
        throw new Error("It was read");
      },
    });
    const response = await h.api.request(`${ADA}/${path}`, {
      method,
      body,
      duplex: "half",
      headers: { authorization: `Bearer ${TOKEN}`, "content-length": "1000000000" },
    });
    const problem = (await response.json()) as { readonly errno: string };
    assert.deepEqual([response.status, problem.errno], [413, "EFBIG"]);
  }
  const body = "x".repeat(BOX_LIMIT + 1);
  assert.equal((await h.json("POST", `${ADA}/box`, { body }))[1]["errno"], "EFBIG");
  const endless = new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(600)) });
  const response = await h.api.request(`${ADA}/box`, {
    method: "POST",
    body: endless,
    duplex: "half",
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  assert.equal(response.status, 413);
});

void test("a body that does not come is given up", async () => {
  const bodyPace = {
    clock: { after: (_ms: number, run: () => void) => (queueMicrotask(run), () => undefined) },
    time: 1,
  };
  await using h = await home({ bodyPace });
  const response = await h.api.request(`${ADA}/a`, {
    method: "PUT",
    body: new ReadableStream(),
    duplex: "half",
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  assert.equal(response.status, 408);
});

void test("a file that answers is asked by POST, and a part of one is written at an offset", async () => {
  await using h = await home();
  assert.deepEqual(await said(h.call("POST", `${ADA}/echo`, { body: "hi" })), [200, "you said hi"]);
  await h.ada.write("/a", bytes("0123456789"));
  const asked = await h.json("POST", `${ADA}/a?as=exchange`, { body: "x" });
  assert.deepEqual([asked[0], asked[1]["errno"]], [501, "ENOTSUP"]);
  assert.equal((await h.call("PUT", `${ADA}/a?offset=3`, { body: "xyz" })).status, 204);
  assert.equal((await h.call("POST", `${ADA}/a?size=7`)).status, 204);
  assert.deepEqual(await said(h.call("GET", `${ADA}/a`)), [200, "012xyz6"]);
});

/** The text of a body until it has `length` characters; then the reader is let go. */
async function heard(response: Response, length: number): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  const reader = response.body!.getReader();
  while (text.length < length) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return text;
}

const AUTHORIZED = { headers: { authorization: `Bearer ${TOKEN}` } };

void test("a stream goes on until its reader leaves, and what there is of it is a range", async () => {
  await using h = await home();
  const response = await h.api.request(`${ADA}/events`, AUTHORIZED);
  assert.equal(response.headers.get("content-type"), "application/x-ndjson");
  assert.equal(h.ada.following, 1);
  h.ada.tell('{"n":1}\n');
  h.ada.tell('{"n":2}\n');
  assert.equal(await heard(response, 16), '{"n":1}\n{"n":2}\n');
  await new Promise(setImmediate);
  assert.equal(h.ada.following, 0);
  const range = { headers: { range: "bytes=0-" } };
  assert.deepEqual(await said(h.call("GET", `${ADA}/events`, range)), [206, '{"old":1}\n']);
});

void test("watch=1 tells of changes below a path as server-sent events, by paths of the address's tree", async () => {
  await using h = await home();
  for (const [address, path] of [
    [ADA, "/agents/ada/box/1"],
    ["/agents/ada", "/box/2"],
  ] as const) {
    const response = await h.api.request(`${address}/box?watch=1`, AUTHORIZED);
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    await h.ada.write("/elsewhere", bytes("x"));
    await h.ada.write("/box", bytes("x"), { at: "end" });
    const event = `event: change\ndata: {"path":"${path}"}\n\n`;
    assert.equal(await heard(response, event.length + 3), `:\n\n${event}`);
  }
  await new Promise(setImmediate);
  assert.equal(h.ada.following, 0);
  // What fails at once is said as an error.
  assert.equal((await h.json("GET", `${ADA}/nothing?watch=1`))[1]["errno"], "ENOENT");
});

void test("watch=1 above agents tells of all of them", async () => {
  await using h = await home();
  const { id } = await h.runtime.get("ada");
  // Its first tick is told of as a new entry too.
  await h.runtime.ask("ada", { payload: "first" }, { timeout: 10_000 });
  for (const address of ["/fs", "/fs/agents"]) {
    const response = await h.api.request(`${address}?watch=1`, AUTHORIZED);
    const first = await h.runtime.ask("ada", { payload: "hello" }, { timeout: 10_000 });
    assert.equal(first.outcome, "done");
    const event = `event: change\ndata: {"path":"/agents/${id}/status"}\n\n`;
    assert.equal(await heard(response, event.length + 3), `:\n\n${event}`);
  }
  assert.equal((await h.json("GET", "/fs/nothing?watch=1"))[1]["errno"], "ENOENT");
});

void test("streams end when the server stops, and when the token is no longer good", async () => {
  const stopping = new AbortController();
  let good = true;
  await using h = await home({ stopping: stopping.signal, stillGood: () => good });
  const one = await h.api.request(`${ADA}/events`, AUTHORIZED);
  const other = await h.api.request(`${ADA}?watch=1`, AUTHORIZED);
  h.ada.tell("told\n");
  assert.equal(await heard(one, 5), "told\n");
  const third = await h.api.request(`${ADA}/events`, AUTHORIZED);
  good = false;
  h.ada.tell("not for you\n");
  assert.equal(await third.text(), "");
  good = true;
  stopping.abort();
  // What was told before is still given, or not; it ends.
  await other.text();
  assert.equal(await (await h.api.request(`${ADA}/events`, AUTHORIZED)).text(), "");
  await new Promise(setImmediate);
  assert.equal(h.ada.following, 0);
});

void test("the tree of the home has its agents by npub, links to them by name, and its runtime", async () => {
  await using h = await home();
  const { id, publicKey } = await h.runtime.get("ada");
  const list = (path: string) => told(h.call("GET", path)).then(({ text }) => text);
  assert.equal(await list("/fs"), "agents/\nsrv/\n");
  assert.equal(await list("/fs/"), "agents/\nsrv/\n");
  assert.equal(await list("/fs/agents"), `${id}/\nada\n`);
  assert.equal(await list("/fs/agents/"), `${id}/\nada\n`);
  assert.equal(await list("/fs/srv"), "home\n");
  const [, runtime] = await h.json("GET", "/fs/srv/home");
  assert.equal(runtime["version"], "1.2.3");
  await h.ada.write("/a", bytes("hello"));
  for (const ref of ["ada", id, publicKey]) {
    assert.equal(await list(`/fs/agents/${ref}/a`), "hello");
    assert.match(await list(`/fs/agents/${ref}`), /^a\n/);
  }
  const link = { kind: "link", access: "r", target: id };
  const stat = (ref: string) => h.json("GET", `/fs/agents/${ref}?stat=1`);
  assert.deepEqual((await stat("ada"))[1], { name: "ada", ...link });
  assert.deepEqual((await stat(publicKey))[1], { name: publicKey, ...link });
  assert.deepEqual((await stat(id))[1], { name: id, kind: "directory", access: "rw" });
  for (const path of ["/fs/nothing", "/fs/srv/x", "/fs/agents/nobody", "/fs/agents/nobody/a"]) {
    assert.equal((await h.json("GET", path))[0], 404, path);
  }
  for (const method of ["PUT", "POST", "DELETE"]) {
    assert.equal((await h.call(method, "/fs/srv/x", { body: "x" })).status, 405);
  }
  assert.equal((await h.json("GET", "/fs//agents/ada/a"))[1]["errno"], "EINVAL");
});

void test("a move stays within one agent, whatever it is called", async () => {
  await using h = await home();
  const { id } = await h.runtime.get("ada");
  await h.runtime.create({ name: "bob", type: "echo" });
  await h.ada.write("/a", bytes("x"));
  assert.equal((await h.call("POST", `${ADA}/a?to=/agents/${id}/b`)).status, 204);
  for (const to of ["/agents/bob/b", "/agents/nobody/b"]) {
    assert.equal((await h.json("POST", `${ADA}/b?to=${to}`))[1]["errno"], "EXDEV", to);
  }
  for (const to of ["/b", "/agents", "/srv/x"]) {
    assert.equal((await h.json("POST", `${ADA}/b?to=${to}`))[1]["errno"], "EACCES", to);
  }
  assert.equal((await h.json("POST", `${ADA}/b?to=c`))[1]["errno"], "EINVAL");
});

void test("agents of a home are listed in pages, each as a directory and as a link, whatever the limit", async () => {
  await using h = await home();
  for (const name of ["b", "c", "d"]) await h.runtime.create({ name, type: "echo" });
  await h.runtime.terminate("d");
  const { items } = await h.runtime.list();
  const wanted = items.flatMap(({ id, name }) => (name === "d" ? [id] : [id, name])).toSorted();
  for (const limit of [1, 2, 3, 4, 7, 100]) {
    const seen: string[] = [];
    let next: string | undefined = `/fs/agents?limit=${limit}`;
    while (next !== undefined) {
      const page = await told(h.call("GET", next));
      const lines = page.text.split("\n").slice(0, -1);
      assert.ok(lines.length <= limit);
      seen.push(...lines.map((line) => line.replace(/\/$/, "")));
      [, next] = /^<(.*)>; rel="next"$/.exec(page.header("link") ?? "") ?? [];
    }
    assert.deepEqual(seen.toSorted(), wanted, `limit ${limit}`);
  }
});

void test("a token has of files what its scope and its bounds have", async () => {
  const files = memoryHomeFiles();
  const tokens = storedTokens({ files, clock: systemClock, random: systemRandom });
  await using h = await home({ access: bearerAccess({ token: TOKEN, tokens }) });
  const bob = await h.runtime.create({ name: "bob", type: "echo" });
  await h.ada.write("/a", bytes("x"));
  const { id } = await h.runtime.get("ada");
  const as = async (wanted: object) => {
    const { token } = await tokens.create({ name: "t", ...wanted } as Parameters<
      typeof tokens.create
    >[0]);
    return (method: string, path: string, input: CallInput = {}) =>
      told(h.call(method, path, { ...input, headers: { authorization: `Bearer ${token}` } }));
  };
  const reader = await as({ scope: "read" });
  assert.equal((await reader("GET", `${ADA}/a`)).status, 200);
  for (const method of ["PUT", "POST", "DELETE"]) {
    assert.equal((await reader(method, `${ADA}/a`, { body: "x" })).status, 403);
  }
  const bound = await as({ scope: "operate", agents: [id] });
  assert.equal((await bound("PUT", `${ADA}/a`, { body: "y" })).status, 204);
  assert.equal((await bound("GET", "/agents/ada/a")).text, "y");
  assert.equal((await bound("GET", "/fs/agents")).text, `${id}/\nada\n`);
  for (const ref of ["bob", bob.id, "nobody"]) {
    assert.equal((await bound("GET", `/fs/agents/${ref}`)).status, 403, ref);
    assert.equal((await bound("GET", `/agents/${ref}/a`)).status, 403, ref);
    assert.equal((await bound("PUT", `/fs/agents/${ref}/a`, { body: "x" })).status, 403, ref);
  }
  assert.match((await bound("POST", `${ADA}/a?to=/agents/bob/a`)).text, /EXDEV/);
  const srv = JSON.parse((await bound("GET", "/fs/srv/home")).text) as object;
  assert.deepEqual(Object.keys(srv), ["version", "types", "paused"]);
  // Its own labels are what holds it.
  await h.runtime.update("ada", { labels: ["team=a"] });
  const labelled = await as({ scope: "operate", labels: ["team=a"] });
  assert.equal((await labelled("PUT", `${ADA}/a`, { body: "z" })).status, 204);
  for (const path of [`${ADA}/config`, "/agents/ada/config", `${ADA}/%63onfig`, `${ADA}//config`]) {
    assert.equal((await labelled("PUT", path, { body: "{}" })).status, 403, path);
    assert.equal((await labelled("POST", path, { body: "{}" })).status, 403, path);
  }
});

void test("a gateway passes on what is about an agent's files, and answers for the home", async () => {
  const files = memoryHomeFiles();
  const tokens = storedTokens({ files, clock: systemClock, random: systemRandom });
  await using h = await home();
  await h.ada.write("/a", bytes("0123"));
  const passed: string[] = [];
  const api = gatewayApi(
    {
      access: bearerAccess({ token: TOKEN, tokens }),
      limits: h.definition.limits,
      version: "1.2.3",
    },
    async (ref, request) => {
      passed.push(`${request.method} ${ref}`);
      return h.app.fetch(request, { home: h.runtime, runtime: h.runtime });
    },
  );
  const ask = async (path: string, init: RequestInit = {}, token = TOKEN) => {
    const headers = { authorization: `Bearer ${token}`, ...(init.headers as object) };
    return told(Promise.resolve(api.request(path, { ...init, headers }, { home: h.runtime })));
  };
  assert.equal((await ask(`${ADA}/a`)).text, "0123");
  assert.equal((await ask("/agents/ada/a", { headers: { range: "bytes=1-2" } })).text, "12");
  assert.equal((await ask(`${ADA}/a`, { method: "PUT", body: "new" })).status, 204);
  assert.equal((await ask("/agents/ada/box", { method: "POST", body: "x" })).status, 201);
  assert.equal((await ask(`${ADA}/a`, { method: "HEAD" })).header("content-length"), "3");
  assert.equal((await ask(`${ADA}/a`, { method: "DELETE" })).status, 204);
  assert.deepEqual(passed.splice(0), [
    "GET ada",
    "GET ada",
    "PUT ada",
    "POST ada",
    "HEAD ada",
    "DELETE ada",
  ]);
  assert.match((await ask("/fs/agents")).text, /ada\n$/);
  assert.equal((await ask("/fs//agents/ada/a")).status, 400);
  assert.equal((await ask(`${ADA}/a`, { method: "PATCH" })).status, 405);
  const { token } = await tokens.create({ name: "r", scope: "read" });
  assert.equal((await ask(`${ADA}/a`, { method: "PUT", body: "x" }, token)).status, 403);
  assert.deepEqual(passed, []);
});
