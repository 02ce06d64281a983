import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import * as fc from "fast-check";
import { listen } from "../../src/backends/local/http-server.ts";
import type { HttpServer } from "../../src/backends/local/http-server.ts";
import { FileError } from "../../src/core/file-error.ts";
import type { AgentFace, AgentTree, FileService, TreeMaker } from "../../src/core/ports/index.ts";
import { systemClock } from "../../src/core/system.ts";
import { remoteFiles, remoteRuntime } from "../../src/control/remote-runtime.ts";
import { fileServiceConformance } from "../../src/testing/file-service-conformance.ts";
import type { FileServiceFixture } from "../../src/testing/file-service-conformance.ts";
import { scratch } from "../../src/vfs/scratch.ts";
import { normalPath, partsOf } from "../../src/vfs/path.ts";
import { fixture, TOKEN } from "./fixture.ts";
import type { Fixture } from "./fixture.ts";
import { BOX_LIMIT, treesOf } from "./file-tree.ts";
import type { FileTree } from "./file-tree.ts";

let f: Fixture;
let server: HttpServer;
let ada: FileTree;
/** One agent's tree, and the whole home's. */
let own: FileService;
let whole: FileService;
const stopping = new AbortController();

before(async () => {
  const { trees, tree } = treesOf();
  f = await fixture({ tree, stopping: stopping.signal });
  await f.runtime.fs("ada").stat("/");
  ada = trees.get("ada")!;
  const bindings = { home: f.runtime, runtime: f.runtime };
  server = await listen((request) => f.app.fetch(request, bindings), {
    host: "127.0.0.1",
    port: 0,
    // Who has left is let go of at once.
    limits: { halfOpenTime: 50 },
  });
  const connection = { url: server.url, token: TOKEN };
  own = remoteRuntime(connection).fs("ada");
  whole = remoteFiles(connection);
});

after(async () => {
  await server.close(0);
  await f[Symbol.asyncDispose]();
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (data: Uint8Array): string => new TextDecoder().decode(data);
const fails = (promise: Promise<unknown>, errno: string): Promise<void> =>
  assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof FileError, String(error));
    assert.equal(error.errno, errno, error.message);
    return true;
  });

void test("the client has every member of a service of files, in one agent's tree and in the home's", async () => {
  for (const [files, base] of [
    [own, ""],
    [whole, "/agents/ada"],
  ] as const) {
    const at = (path: string): string => `${base}${path}`;
    await files.makeDirectory!(at("/dir"));
    assert.deepEqual(await files.write(at("/dir/a"), bytes("one")), { path: at("/dir/a") });
    assert.deepEqual(await files.write(at("/dir/a"), bytes("two"), { at: "end" }), {
      path: at("/dir/a"),
    });
    assert.equal(textOf(await files.read(at("/dir/a"))), "onetwo");
    await files.write(at("/dir/a"), bytes("X"), { at: 1 });
    await files.resize!(at("/dir/a"), 4);
    assert.equal(textOf(await files.read(at("/dir/a"))), "oXet");
    const stat = await files.stat(at("/dir/a"));
    assert.deepEqual(stat, await ada.stat("/dir/a"));
    await fails(files.write(at("/dir/a"), bytes("x"), { ifMatch: ["1", "2"] }), "ESTALE");
    await files.write(at("/dir/a"), bytes("new"), { ifMatch: ["1", stat.revision!] });
    await fails(files.write(at("/dir/a"), bytes("x"), { ifMatch: [] }), "ESTALE");
    await fails(files.write(at("/dir/a"), bytes("x"), { create: "only" }), "EEXIST");
    await fails(files.write(at("/dir/b"), bytes("x"), { create: "never" }), "ENOENT");
    await files.rename(at("/dir/a"), at("/dir/b"));
    await fails(files.stat(at("/dir/a")), "ENOENT");
    const { path } = await files.write(at("/box"), bytes("{}"), { at: "end", type: "text/x" });
    assert.match(path, new RegExp(`^${base}/box/\\d+$`));
    assert.equal(ada.types.get(path.slice(base.length)), "text/x");
    assert.equal(textOf(await files.exchange!(at("/echo"), bytes("hi"))), "you said hi");
    assert.deepEqual(await files.list(at("/dir")), { items: [await ada.stat("/dir/b")] });
    await files.remove(at("/dir/b"));
    await files.remove(at("/dir"));
    assert.equal(textOf(await files.read(at("/events"))), '{"old":1}\n');
  }
  assert.deepEqual(await own.stat("/"), await ada.stat("/"));
  const { id } = await f.runtime.get("ada");
  assert.equal((await whole.stat("/agents/ada")).target, id);
  assert.deepEqual(
    (await whole.list("/agents")).items.map(({ name }) => name),
    [id, "ada"],
  );
});

void test("the client's errors are those of the service", async () => {
  await own.write("/f", bytes("x"));
  await fails(own.read("/none"), "ENOENT");
  await fails(own.read("/f/x"), "ENOTDIR");
  await fails(own.read("/box"), "EISDIR");
  await fails(own.list("/f"), "ENOTDIR");
  await fails(own.list("/events"), "ENOTDIR");
  await fails(own.write("/box", bytes("x")), "EISDIR");
  await fails(own.write("/box", new Uint8Array(BOX_LIMIT + 1), { at: "end" }), "EFBIG");
  await fails(own.read("/locked"), "EACCES");
  await fails(own.remove("/box"), "EACCES");
  await fails(own.makeDirectory!("/box"), "EEXIST");
  await fails(own.exchange!("/f", bytes("x")), "ENOTSUP");
  assert.equal(textOf(await own.read("/f")), "x");
  await fails(own.rename("/f", "/none/x"), "ENOENT");
  await fails(whole.rename("/agents/ada/f", "/srv/x"), "EACCES");
  await fails(whole.write("/srv/x", bytes("x")), "EACCES");
  await fails(whole.remove("/agents"), "EACCES");
  await fails(remoteRuntime({ url: server.url, token: TOKEN }).fs("nobody").stat("/"), "ENOENT");
  for (const ref of ["..", "ada/box", "", "ada/.."]) {
    await fails(remoteRuntime({ url: server.url, token: TOKEN }).fs(ref).stat("/"), "EINVAL");
  }
  await fails(remoteFiles({ url: server.url, token: "wrong" }).stat("/"), "EACCES");
  await fails(remoteFiles({ url: "http://127.0.0.1:1", token: TOKEN }).stat("/"), "EHOSTUNREACH");
  const { signal } = new AbortController();
  const first = <T>(stream: AsyncIterable<T>): Promise<unknown> =>
    stream[Symbol.asyncIterator]().next();
  await fails(first(own.follow!("/f", signal)), "ENOTSUP");
  await fails(first(own.follow!("/none", signal)), "ENOENT");
  await fails(first(own.watch("/none", signal)), "ENOENT");
  await fails(first(whole.watch("/nothing", signal)), "ENOENT");
});

void test("the client gives any part of a file, and no more than there is", async () => {
  const data = Uint8Array.from({ length: 300 }, (_, i) => i % 251);
  for (const path of ["/known", "/unknown", "/empty"]) {
    const content = path === "/empty" ? new Uint8Array(0) : data;
    await own.write(path, content);
    assert.deepEqual(await own.read(path), content);
    for (const [offset, length] of [
      [0, 10],
      [5, undefined],
      [299, 5],
      [300, 1],
      [400, undefined],
      [10, 0],
      [0, 1000],
    ] as const) {
      assert.deepEqual(
        await own.read(path, { offset, length }),
        content.slice(offset, length === undefined ? undefined : offset + length),
        `${path} ${offset} ${length}`,
      );
    }
  }
});

void test("a large file goes there and back", async () => {
  const large = Uint8Array.from({ length: 5_000_000 }, (_, i) => (i * 7) % 253);
  await own.write("/large", large);
  assert.equal(Buffer.compare(await own.read("/large"), large), 0);
  const part = await own.read("/large", { offset: 1_000_001, length: 2_000_000 });
  assert.equal(Buffer.compare(part, large.subarray(1_000_001, 3_000_001)), 0);
});

void test("what is too large is refused while it is sent, and the connection serves on", async () => {
  await fails(own.write("/box/x", new Uint8Array(40_000_000)), "EFBIG");
  await fails(own.write("/toolarge", new Uint8Array(40_000_000)), "EFBIG");
  assert.equal((await own.stat("/")).kind, "directory");
});

void test("the client follows a stream in whole lines, and watches, until its signal aborts", async () => {
  const [followed, watched] = [new AbortController(), new AbortController()];
  const lines: string[] = [];
  const changed: string[] = [];
  const following = (async () => {
    for await (const part of own.follow!("/events", followed.signal)) {
      assert.equal(part.at(-1), 10);
      lines.push(textOf(part));
      if (lines.join("").split("\n").length > 3) followed.abort();
    }
  })();
  const watching = (async () => {
    for await (const path of whole.watch("/agents/ada/w", watched.signal)) {
      changed.push(path);
      if (changed.length === 2) watched.abort();
    }
  })().catch(() => undefined);
  await fails(
    whole.watch("/agents/ada/w", watched.signal)[Symbol.asyncIterator]().next(),
    "ENOENT",
  );
  await watching;
  await own.makeDirectory!("/w");
  const again = (async () => {
    for await (const path of whole.watch("/agents/ada/w", watched.signal)) {
      changed.push(path);
      if (changed.length === 2) watched.abort();
    }
  })();
  while (ada.following < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  ada.tell('{"n":1}\n{"n"');
  ada.tell(":2}\n");
  ada.tell('{"n":3}\n');
  await own.write("/w/1", bytes("x"));
  await own.write("/elsewhere", bytes("x"));
  await own.write("/w/2", bytes("x"));
  await Promise.all([following, again]);
  assert.equal(lines.join(""), '{"n":1}\n{"n":2}\n{"n":3}\n');
  assert.deepEqual(changed, ["/agents/ada/w/1", "/agents/ada/w/2"]);
  while (ada.following > 0) await new Promise((resolve) => setTimeout(resolve, 5));
});

void test("a watch whose signal has aborted gives nothing more, also of what came at once", async () => {
  const event = (path: string): string => `event: change\ndata: ${JSON.stringify({ path })}\n\n`;
  const files = remoteFiles({
    url: "http://home",
    token: TOKEN,
    fetcher: async () =>
      new Response(event("/a") + event("/b"), { headers: { "content-type": "text/event-stream" } }),
  });
  const stop = new AbortController();
  const watch = files.watch("/", stop.signal)[Symbol.asyncIterator]();
  assert.deepEqual(await watch.next(), { done: false, value: "/a" });
  stop.abort();
  assert.equal((await watch.next()).done, true);
});

/** Names that have broken addresses. */
const name = fc
  .oneof(
    fc.constantFrom(
      "...",
      ".hidden",
      "%",
      "%2e%2e",
      "%2F",
      "a b",
      "#",
      "?x=1",
      "a\\b",
      "..;",
      "~",
      "+",
      "&",
      "\u2028",
      "\u0085",
      "é",
      "e\u0301",
      "\u{1f600}",
      "\u202e",
      "status",
      "*",
      ":",
      "-",
      "'\"",
      "x".repeat(255),
    ),
    fc.string({ unit: "binary", minLength: 1, maxLength: 20 }),
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }),
  )
  .filter((text) => {
    try {
      return partsOf(normalPath(`/${text}`)).length === 1 && !text.includes("/");
    } catch {
      return false;
    }
  });

void test("any legal path and any bytes that the client writes come back", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(name, { minLength: 1, maxLength: 4 }),
      fc.uint8Array({ maxLength: 300 }),
      async (names, data) => {
        const path = `/${["p", ...names].join("/")}`;
        for (const [i] of names.entries()) {
          const directory = `/${["p", ...names.slice(0, i)].join("/")}`;
          await own.makeDirectory!(directory).catch(() => undefined);
          if ((await ada.stat(directory)).kind === "file") return;
        }
        if ((await ada.stat(path).catch(() => undefined))?.kind === "directory") return;
        await own.write(path, data);
        assert.deepEqual(await ada.read(path), data);
        assert.deepEqual(await own.read(path), data);
        assert.equal((await own.stat(path)).name, names.at(-1));
        assert.deepEqual(await whole.read(`/agents/ada${path}`), data);
        await own.rename(path, "/q");
        assert.deepEqual(await ada.read("/q"), data);
        await own.rename("/q", path);
        assert.deepEqual(await ada.read(path), data);
      },
    ),
    { numRuns: 150 },
  );
});

/** What answers to these bytes as a request's target. */
async function raw(target: string, method = "GET"): Promise<number> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.write(
    `${method} ${target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx`,
    "latin1",
  );
  let text = "";
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    text += chunk;
    // Its head is enough: it may be a stream.
    if (text.includes("\r\n\r\n")) socket.destroy();
  });
  await once(socket, "close");
  return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0);
}

const hostile = fc.constantFrom(
  ...".. %2e%2e .%2e %2E. %252e%252e ..%2f %2f %5c \\ ..\\ %00 %c0%ae%c0%ae %e0%80%ae".split(" "),
  ...(
    "%ff % %zz %u002e %ef%bc%8e%ef%bc%8e . %2e ; ..; x agents bob secret %0a %7f %ed%a0%80 " +
    "é " +
    "a".repeat(300)
  ).split(" "),
  "",
);

void test("no path of a raw request leaves the agent that it is about, or makes the server fail", async () => {
  await f.runtime.create({ name: "bob", type: "echo" });
  await f.runtime.fs("bob").write("/secret", bytes("of bob"));
  const before = await f.runtime.fs("bob").list("/");
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("/fs/agents/ada", "/agents/ada", "/fs"),
      fc.array(hostile, { maxLength: 6 }),
      fc.constantFrom("GET", "PUT", "POST", "DELETE", "HEAD"),
      async (base, parts, method) => {
        const target = `${base}/${parts.join("/")}`;
        // What a client itself means by dots is another address, as for any server.
        const meant = new URL(target, server.url).pathname;
        fc.pre(/^\/(?:fs\/+agents|agents)\/ada(?:\/|$)/.test(meant) || /^\/fs(?:\/|$)/.test(meant));
        fc.pre(!/^\/fs\/agents\/bob(?:\/|$)/.test(meant));
        const status = await raw(target, method);
        assert.ok(
          status >= 200 && (status < 500 || status === 501),
          `${method} ${target} ${status}`,
        );
      },
    ),
    { numRuns: 300 },
  );
  assert.deepEqual(await f.runtime.fs("bob").list("/"), before);
  assert.equal(textOf(await f.runtime.fs("bob").read("/secret")), "of bob");
});

/** A real server over agents whose trees are scratches. */
async function scratched(): Promise<{
  readonly url: string;
  /** Of the agent `ada`. */
  readonly id: string;
  readonly dispose: () => Promise<void>;
}> {
  const trees = new Map<string, FileService>();
  const make = ({ agent }: AgentFace): AgentTree => {
    const files = trees.get(agent.id) ?? scratch({}, systemClock);
    trees.set(agent.id, files);
    const bound: FileService = {
      stat: (path) => files.stat(path),
      list: (path, query) => files.list(path, query),
      read: (path, range) => files.read(path, range),
      write: (path, data, options) => files.write(path, data, options),
      remove: (path) => files.remove(path),
      rename: (from, to) => files.rename(from, to),
      watch: (path, signal) => files.watch(path, signal),
      makeDirectory: (path) => files.makeDirectory!(path),
      resize: (path, size) => files.resize!(path, size),
    };
    return { ...bound, place: async () => "outside", mounts: async () => [] };
  };
  const tree: TreeMaker = Object.assign(make, { kinds: [] });
  const own = await fixture({ tree });
  const bindings = { home: own.runtime, runtime: own.runtime };
  const at = await listen((request) => own.app.fetch(request, bindings), {
    host: "127.0.0.1",
    port: 0,
    limits: { halfOpenTime: 50 },
  });
  return {
    url: at.url,
    id: (await own.runtime.get("ada")).id,
    async dispose() {
      await at.close(0);
      await own[Symbol.asyncDispose]();
    },
  };
}

const WITHOUT = {
  exchange: "a scratch does not answer",
  stream: "a scratch has no streams",
} as const;

for (const what of ["an agent's tree", "the tree of a home"]) {
  const make = async (): Promise<FileServiceFixture> => {
    const { url, id, dispose } = await scratched();
    const connection = { url, token: TOKEN };
    if (what === "an agent's tree") return { files: remoteFiles(connection, "ada"), dispose };
    return { files: remoteFiles(connection), root: `/agents/${id}`, dispose };
  };
  for (const { name, run, skip } of fileServiceConformance(make, { without: WITHOUT })) {
    void test(`${what} over HTTP: ${name}`, { skip: skip ?? false }, run);
  }
}
