import assert from "node:assert/strict";
import { test } from "node:test";
import { bearerAccess } from "../../src/control/bearer-access.ts";
import { storedTokens } from "../../src/control/tokens.ts";
import { systemClock, systemRandom } from "../../src/core/system.ts";
import type { Runtime } from "../../src/index.ts";
import { memoryHomeFiles } from "../../src/stores/memory.ts";
import { agentTree } from "../../src/vfs/agent-tree.ts";
import { mountKinds } from "../../src/vfs/mount-kinds.ts";
import { errno } from "../vfs/home.ts";
import { fixture, TOKEN } from "./fixture.ts";
import type { CallInput } from "./fixture.ts";
import { treesOf } from "./file-tree.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A home with alice, who has bob's tree and a union with it, and bob. */
async function aliceAndBob() {
  let runtime: Runtime | undefined;
  const kinds = mountKinds({
    clock: systemClock,
    http: { fetcher: () => Promise.reject(new Error("there is no network")) },
    async agent(ref) {
      const { id } = await runtime!.get(ref);
      return { id, files: runtime!.fs(id, "operate") };
    },
  });
  const files = memoryHomeFiles();
  const tokens = storedTokens({ files, clock: systemClock, random: systemRandom });
  const access = bearerAccess({ token: TOKEN, tokens });
  const home = await fixture({ tree: agentTree(kinds), access });
  runtime = home.runtime;
  await runtime.create({ name: "alice", type: "echo", labels: ["team=a"] });
  await runtime.create({ name: "bob", type: "echo" });
  await runtime.fs("bob").write("/memory/files/secret", bytes("of bob"));
  await runtime
    .fs("alice")
    .write(
      "/mounts",
      bytes(
        "mount /fs/bob agent read-write bob/\nmount /fs/both union read-write agent:bob/ scratch\n",
      ),
    );
  const as = async (wanted: object) => {
    const { token } = await tokens.create({ name: "t", ...wanted } as never);
    return async (method: string, path: string, input: CallInput = {}) => {
      const headers = { ...input.headers, authorization: `Bearer ${token}` };
      const response = await home.call(method, path, { ...input, headers });
      return [response.status, await response.text()] as const;
    };
  };
  return { home, runtime, as };
}

void test("fs() gives what an agent has of others to admins of all agents, and to no other operator", async () => {
  const { home, runtime } = await aliceAndBob();
  await using _end = home;
  for (const user of ["read", "operate", "boundAdmin"] as const) {
    const files = runtime.fs("alice", user);
    for (const at of ["/fs/bob", "/fs/both"]) {
      await assert.rejects(
        files.read(`${at}/memory/files/secret`),
        errno("EACCES"),
        `${user} ${at}`,
      );
      await assert.rejects(files.list(at), errno("EACCES"), `${user} ${at}`);
      await assert.rejects(
        files.write(`${at}/ctl`, bytes("pause")),
        errno("EACCES"),
        `${user} ${at}`,
      );
      await assert.rejects(files.remove(`${at}/memory/files/secret`), errno("EACCES"));
    }
  }
  const secret = await runtime.fs("alice", "admin").read("/fs/bob/memory/files/secret");
  assert.deepEqual(secret, bytes("of bob"));
});

void test("a token that is bound to one agent gets nothing of another through the tree of the first", async () => {
  const { home, runtime, as } = await aliceAndBob();
  await using _end = home;
  const bounds = [{ agents: ["alice"] }, { labels: ["team=a"] }];
  for (const scope of ["read", "operate", "admin"]) {
    for (const bound of bounds) {
      const call = await as({ scope, ...bound });
      assert.equal((await call("GET", "/fs/agents/alice/status"))[0], 200);
      for (const at of [
        "/fs/agents/alice/fs/bob",
        "/agents/alice/fs/bob",
        "/fs/agents/alice/fs/both",
      ]) {
        assert.equal((await call("GET", `${at}/memory/files/secret`))[0], 403, `${scope} ${at}`);
        assert.equal((await call("GET", at))[0], 403);
        assert.equal((await call("GET", `${at}?watch=1`))[0], 403);
        assert.equal((await call("POST", `${at}/ctl`, { body: "pause" }))[0], 403);
        assert.equal(
          (await call("PUT", `${at}/config`, { body: '{"labels":["team=a"]}' }))[0],
          403,
        );
        assert.equal((await call("DELETE", `${at}/memory/files/secret`))[0], 403);
      }
    }
  }
  const bob = await runtime.get("bob");
  assert.deepEqual([bob.status === "paused", bob.labels], [false, []]);
  for (const wanted of [{ scope: "read" }, { scope: "operate" }]) {
    const call = await as(wanted);
    assert.equal((await call("GET", "/fs/agents/alice/fs/bob/memory/files/secret"))[0], 403);
  }
  const admin = await as({ scope: "admin" });
  assert.deepEqual(await admin("GET", "/fs/agents/alice/fs/bob/memory/files/secret"), [
    200,
    "of bob",
  ]);
  assert.equal((await admin("POST", "/fs/agents/alice/fs/bob/ctl", { body: "pause" }))[0], 204);
  assert.equal((await runtime.get("bob")).status, "paused");
});

void test("a stream of a label-bound token ends with its agent's label, though another one has its name", async () => {
  const files = memoryHomeFiles();
  const tokens = storedTokens({ files, clock: systemClock, random: systemRandom });
  const { trees, tree } = treesOf();
  await using h = await fixture({ tree, access: bearerAccess({ token: TOKEN, tokens }) });
  const { runtime } = h;
  for (const address of ["/fs/agents", "/agents"]) {
    const name = address === "/agents" ? "short" : "long";
    const { id } = await runtime.create({ name, type: "echo", labels: ["team=a"] });
    await runtime.fs(id).stat("/");
    const followed = trees.get(name)!;
    const { token } = await tokens.create({ name, scope: "read", labels: ["team=a"] });
    const init = { headers: { authorization: `Bearer ${token}` } };
    const stream = await h.api.request(`${address}/${name}/events`, init);
    const watch = await h.api.request(`${address}/${name}/?watch=1`, init);
    assert.deepEqual([stream.status, watch.status], [200, 200]);
    await runtime.update(id, { name: `was-${name}`, labels: [] });
    await runtime.create({ name, type: "echo", labels: ["team=a"] });
    followed.tell("not for you\n");
    await followed.write("/nor-this", bytes("x"));
    assert.equal(await stream.text(), "");
    assert.ok(!(await watch.text()).includes("nor-this"));
  }
});
