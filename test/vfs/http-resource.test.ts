import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { errnoOf } from "../../src/core/file-error.ts";
import type { FileService } from "../../src/core/ports/index.ts";
import { publicFetch } from "../../src/mounts/public-fetch.ts";
import { manualClock } from "../../src/testing/index.ts";
import type { HttpResourceOptions } from "../../src/vfs/http-resource.ts";
import { httpResource } from "../../src/vfs/http-resource.ts";
import { scratch } from "../../src/vfs/scratch.ts";
import { bytes, text } from "./content.ts";
import type { FileServer, FileServerOptions } from "./file-server.ts";
import { fileServer } from "./file-server.ts";

const MODIFIED = 1_700_000_000_000;

interface Place {
  readonly server: FileServer;
  /** What the server serves. */
  readonly served: FileService;
  readonly open: (source?: string, options?: Partial<HttpResourceOptions>) => FileService;
}

async function place(t: TestContext, options: FileServerOptions = {}): Promise<Place> {
  const served = scratch({}, manualClock(MODIFIED));
  await served.makeDirectory?.("/d");
  await served.write("/a", bytes("0123456789"));
  await served.write("/d/ä b?#%2f&", bytes("strange"));
  const server = await fileServer(served, options);
  const fetcher = publicFetch({ allowPrivate: true });
  t.after(async () => {
    fetcher.close();
    await server.close();
  });
  const open: Place["open"] = (source = server.url, others = {}) =>
    httpResource(source, { fetcher, allowPrivate: true, ...others });
  return { server, served, open };
}

async function fails(what: Promise<unknown>, errno: string): Promise<void> {
  await assert.rejects(what, (error) => {
    assert.equal(errnoOf(error), errno, String(error));
    return true;
  });
}

/** A server that says one thing to everybody. */
function saying(
  status: number,
  headers: Record<string, string> = {},
  body = "",
): { first: (request: IncomingMessage, response: ServerResponse) => boolean } {
  return {
    first: (request, response) => {
      response.writeHead(status, headers).end(request.method === "HEAD" ? "" : body);
      return true;
    },
  };
}

void test("httpResource() reads files below an address, and parts of them", async (t) => {
  const { server, open } = await place(t);
  const files = open();
  assert.equal(await text(files, "/a"), "0123456789");
  assert.equal(await text(files, "/d/ä b?#%2f&"), "strange");
  assert.ok(server.asked.includes("GET /files/d/%C3%A4%20b%3F%23%252f%26"));
  const part = async (offset: number, length?: number): Promise<string> =>
    new TextDecoder().decode(await files.read("/a", { offset, length }));
  assert.equal(await part(3, 2), "34");
  assert.equal(await part(8), "89");
  assert.equal(await part(8, 50), "89");
  assert.equal(await part(10, 1), "");
  assert.equal(await part(0, 0), "");
  assert.ok(server.headers.every((headers) => headers["accept-encoding"] === "identity"));
  await fails(files.read("/none"), "ENOENT");
  await fails(files.read("/none", { length: 0 }), "ENOENT");
  await fails(files.read("/"), "EISDIR");
  await fails(files.read("/d"), "EISDIR");
  await fails(files.read("/../a"), "EINVAL");
  await fails(files.read("/a", { offset: -1 }), "EINVAL");
});

void test("httpResource() says of a file what the server says", async (t) => {
  const { open, served } = await place(t);
  const files = open();
  const { revision } = await served.stat("/a");
  const { limit, ...stat } = await files.stat("/a");
  assert.equal(limit, 33_554_432);
  const facts = { size: 10, modifiedAt: MODIFIED, revision, type: "text/plain" };
  assert.deepEqual(stat, { name: "a", kind: "file", access: "rw", ...facts });
  assert.equal((await files.stat("/")).kind, "directory");
  assert.equal((await files.stat("/d")).kind, "directory");
  await fails(files.stat("/none"), "ENOENT");
  await fails(files.list("/"), "ENOTSUP");
});

void test("httpResource() of an address with no slash at its end is one file", async (t) => {
  const { server, open } = await place(t);
  const file = open(`${server.url}a?x=1`);
  assert.equal(await text(file, "/"), "0123456789");
  assert.equal((await file.stat("/")).size, 10);
  assert.equal((await file.stat("/")).name, "");
  await file.write("/", bytes("new"));
  assert.equal(await text(file, "/"), "new");
  await fails(file.read("/x"), "ENOTDIR");
  await fails(file.list("/"), "ENOTDIR");
});

void test("httpResource() writes and removes, under conditions where they are asked for", async (t) => {
  const { served, open } = await place(t);
  const files = open();
  assert.deepEqual(await files.write("/new", bytes("1"), { create: "only" }), { path: "/new" });
  await fails(files.write("/new", bytes("2"), { create: "only" }), "EEXIST");
  await fails(files.write("/none", bytes("2"), { create: "never" }), "ENOENT");
  await files.write("/new", bytes("2"), { create: "never" });
  const { revision } = await files.stat("/new");
  await files.write("/new", bytes("3"), { ifMatch: revision });
  await fails(files.write("/new", bytes("4"), { ifMatch: revision }), "ESTALE");
  await fails(files.write("/new", bytes("4"), { ifMatch: [] }), "ESTALE");
  assert.equal(await text(served, "/new"), "3");
  await fails(files.write("/new", bytes("4"), { at: 0 }), "ENOTSUP");
  await fails(files.write("/", bytes("4")), "EISDIR");
  await files.remove("/new");
  await fails(files.remove("/new"), "ENOENT");
  await fails(files.remove("/"), "EBUSY");
  await fails(files.rename("/a", "/b"), "ENOTSUP");
});

void test("httpResource() lists what a home lists, in pages", async (t) => {
  const { served, open } = await place(t, { isHome: true });
  for (let i = 0; i < 25; i += 1) await served.write(`/d/${i}`, bytes(""));
  const files = open();
  const names: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await files.list("/d", { limit: 10, cursor });
    names.push(...page.items.map(({ name }) => name));
    cursor = page.cursor;
  } while (cursor !== undefined);
  assert.equal(names.length, 26);
  assert.equal((await files.stat("/d")).kind, "directory");
  assert.equal((await files.stat("/a")).size, 10);
  assert.equal(await text(files, "/a"), "0123456789");
  await served.write("/empty", bytes(""));
  assert.equal(await text(files, "/empty"), "");
  await fails(files.read("/d"), "EISDIR");
  await fails(files.stat("/none"), "ENOENT");
  await fails(files.list("/none"), "ENOENT");
  await fails(files.list("/a"), "ENOTDIR");
});

void test("httpResource() takes nothing over from a listing that no path could name", async (t) => {
  const item = { name: "a", kind: "file", access: "r" };
  for (const bad of [
    { ...item, name: "../x" },
    { ...item, name: ".." },
    { ...item, name: "a/b" },
    { ...item, name: "" },
    { ...item, name: 7 },
    { ...item, kind: "door" },
    { ...item, access: "all" },
    null,
  ]) {
    const body = JSON.stringify({ items: [item, bad] });
    const { open } = await place(t, saying(200, { "content-type": "application/json" }, body));
    await fails(open().list("/"), "ENOTSUP");
  }
  const link = { ...item, kind: "link", target: "../../..", size: -1, nature: "exchange" };
  const body = JSON.stringify({ items: [link] });
  const { open } = await place(t, saying(200, { "content-type": "application/json" }, body));
  assert.deepEqual((await open().list("/")).items, [{ name: "a", kind: "link", access: "r" }]);
});

void test("httpResource() makes of each status the error of files that it is", async (t) => {
  const table: readonly (readonly [number, string])[] = [
    [400, "EINVAL"],
    [401, "EACCES"],
    [403, "EACCES"],
    [404, "ENOENT"],
    [405, "ENOTSUP"],
    [410, "ENOENT"],
    [412, "ESTALE"],
    [413, "EFBIG"],
    [418, "EINVAL"],
    [429, "EDQUOT"],
    [500, "EIO"],
    [502, "EHOSTUNREACH"],
    [503, "EHOSTUNREACH"],
    [504, "ETIMEDOUT"],
    [507, "ENOSPC"],
    [599, "EIO"],
  ];
  for (const [status, errno] of table) {
    const { open } = await place(t, saying(status));
    const files = open();
    await fails(files.read("/a"), errno);
    await fails(files.write("/a", bytes("x")), errno);
    await fails(files.stat("/a"), errno);
  }
  const type = { "content-type": "application/problem+json" };
  const home = await place(t, saying(400, type, '{"errno":"EISDIR","detail":"x"}'));
  await fails(home.open().read("/a"), "EISDIR");
  const other = await place(t, saying(400, type, '{"errno":"toString"}'));
  await fails(other.open().read("/a"), "EINVAL");
});

void test("httpResource() follows within an origin, and nowhere else", async (t) => {
  const elsewhere = await place(t);
  let to = "";
  const { server, open } = await place(t, {
    first: (request, response) => {
      if (request.url !== "/files/moved" && request.url !== "/files/loop") return false;
      response.writeHead(307, { location: request.url.endsWith("loop") ? "loop" : to }).end();
      return true;
    },
  });
  const files = open();
  for (const within of ["a", "/files/a", `${server.url}a`]) {
    to = within;
    assert.equal(await text(files, "/moved"), "0123456789");
    assert.equal((await files.stat("/moved")).size, 10);
    await fails(files.write("/moved", bytes("x")), "EACCES");
  }
  const { host } = new URL(server.url);
  for (const out of [
    `${elsewhere.server.url}a`,
    `//${new URL(elsewhere.server.url).host}/files/a`,
    `http://u:p@${host}/files/a`,
    "file:///etc/passwd",
    "http://",
  ]) {
    to = out;
    await fails(files.read("/moved"), "EACCES");
  }
  assert.deepEqual(elsewhere.server.asked, []);
  await fails(files.read("/loop"), "ELOOP");
});

void test("httpResource() reads no more than its limit, whatever the server says or sends", async (t) => {
  const { open, served } = await place(t);
  await served.write("/big", new Uint8Array(5000));
  const files = open(undefined, { limit: 4000 });
  await fails(files.read("/big"), "EFBIG");
  assert.equal((await files.read("/big", { offset: 100, length: 4000 })).byteLength, 4000);
  assert.equal((await files.read("/big", { offset: 4500 })).byteLength, 500);
  await fails(files.read("/big", { offset: 100 }), "EFBIG");
  await fails(files.read("/big", { length: 4500 }), "EFBIG");
  await fails(files.write("/big", new Uint8Array(4001)), "EFBIG");

  let sent = 0;
  const endless = await place(t, {
    first: (_request, response) => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 65))) sent += 65_536;
      };
      response.on("drain", more);
      more();
      return true;
    },
  });
  await fails(endless.open(undefined, { limit: 100_000 }).read("/a"), "EFBIG");
  // A server that knows no ranges sends all of it, of which no more is taken than was asked for.
  const part = await endless.open().read("/a", { offset: 200_000, length: 10 });
  assert.deepEqual(part, bytes("A".repeat(10)));
  assert.ok(sent < 50_000_000);
});

void test("httpResource() refuses another part than it asked for", async (t) => {
  const { open } = await place(t, saying(206, { "content-range": "bytes 0-3/10" }, "0123"));
  await fails(open().read("/a", { offset: 2, length: 4 }), "EIO");
  await fails(open().read("/a"), "EIO");
});

void test("httpResource() waits no longer than its time, before an answer or in it", async (t) => {
  const silent = await place(t, { first: () => true });
  await fails(silent.open(undefined, { timeout: 50 }).read("/a"), "ETIMEDOUT");
  const stalls = await place(t, {
    first: (_request, response) => {
      response.writeHead(200, { "content-length": "10" }).write("01");
      return true;
    },
  });
  await fails(stalls.open(undefined, { timeout: 100 }).read("/a"), "ETIMEDOUT");
  const never: HttpResourceOptions["fetcher"] = () => new Promise(() => {});
  await fails(silent.open(undefined, { timeout: 20, fetcher: never }).read("/a"), "ETIMEDOUT");
});

void test("httpResource() says that nobody is there when nobody is", async (t) => {
  const { server, open } = await place(t);
  const files = open();
  await server.close();
  await fails(files.read("/a"), "EHOSTUNREACH");
  await fails(files.stat("/a"), "EHOSTUNREACH");
  server.close = async () => undefined;
});

void test("httpResource() can do without HEAD", async (t) => {
  const { open } = await place(t, {
    first: (request, response) => {
      if (request.method !== "HEAD") return false;
      response.writeHead(405).end();
      return true;
    },
  });
  assert.equal((await open().stat("/a")).size, 10);
});

void test("httpResource() takes no address that is none, is private or has a password", async (t) => {
  const { open } = await place(t);
  const bad = ["", "a", "file:///etc/", "ftp://x.net/", "http://u:p@x.net/", "http://x.net/#a"];
  for (const source of [...bad, "http://u@x.net/", "http://x.net/a/?b"]) {
    assert.throws(
      () => open(source),
      (error) => errnoOf(error) === "EINVAL",
    );
  }
  for (const host of [
    "localhost",
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "10.1.2.3",
    "169.254.169.254",
    "192.168.0.1",
    "box.local",
    "metadata",
    "[fd00::1]",
  ]) {
    assert.throws(
      () => open(`http://${host}/`, { allowPrivate: false }),
      (error) => errnoOf(error) === "EACCES",
      host,
    );
  }
  open("https://example.net/", { allowPrivate: false });
});

void test("publicFetch() connects to no name that leads into a private network", async (t) => {
  const { server } = await place(t);
  const { port } = new URL(server.url);
  const fetcher = publicFetch({
    allowPrivate: false,
    resolve: ((_host: string, _options: object, found: (...all: unknown[]) => void) => {
      found(null, [{ address: "127.0.0.1", family: 4 }]);
    }) as never,
  });
  t.after(() => fetcher.close());
  const files = httpResource(`http://files.openagents.net:${port}/files/`, { fetcher });
  await fails(files.read("/a"), "EACCES");
  const { signal } = new AbortController();
  const init = { method: "GET", headers: {}, redirect: "manual", signal } as const;
  await assert.rejects(fetcher(server.url, init), /private network/);
  assert.deepEqual(server.asked, []);
});

void test("httpResource() sends no credentials and no cookies", async (t) => {
  const { server, open } = await place(t, {
    first: (_request, response) => {
      response.setHeader("set-cookie", "a=b");
      return false;
    },
  });
  const files = open();
  await files.read("/a");
  await files.write("/a", bytes("x"));
  await files.stat("/a");
  for (const headers of server.headers) {
    assert.equal(headers.cookie, undefined);
    assert.equal(headers.authorization, undefined);
  }
});
