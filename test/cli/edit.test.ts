import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { TOKEN_FILE } from "../../src/backends/local/place.ts";
import type { AgentInfo } from "../../src/core/runtime.ts";
import { project } from "./project.ts";
import type { Ended } from "./project.ts";

function ok({ code, stdout, stderr }: Ended): string {
  assert.equal(code, 0, stderr);
  return stdout;
}

function fails({ code, stderr }: Ended, expected: number, message: RegExp): void {
  assert.equal(code, expected, stderr);
  assert.match(stderr, message);
}

const json = (ended: Ended): unknown => JSON.parse(ok(ended));

void test("agentctl edit gives an agent another name and other labels", async () => {
  await using p = project();
  await p.start();
  ok(await p.agentctl("create", "alice", "--type", "quiet", "--label", "shop", "env=prod"));
  ok(await p.agentctl("create", "bob", "--type", "quiet"));
  const { id } = json(await p.agentctl("info", "alice", "--json")) as AgentInfo;
  const edit = (...args: string[]): Promise<Ended> => p.agentctl("edit", ...args);
  const listed = async (label: string): Promise<readonly string[]> =>
    (json(await p.agentctl("list", "--label", label, "--json")) as AgentInfo[]).map(
      ({ name }) => name,
    );
  assert.deepEqual(await listed("shop"), ["alice"]);
  assert.match(ok(await p.agentctl("list")), new RegExp(`${id}  env=prod, shop\n`));
  assert.match(ok(await p.agentctl("info", "alice")), /^labels +env=prod, shop$/m);
  assert.match(ok(await p.agentctl("info", "bob")), /^labels +none$/m);
  assert.match((await p.agentctl("list", "--label", "nope")).stderr, /agentctl list/);
  assert.match(
    ok(await p.agentctl("top", "--once", "--label", "shop")),
    /^NAME.*\nalice [^\n]*\n$/,
  );

  const more = await edit("alice", "--add-label", "night", "shop", "--remove-label", "env=prod");
  assert.equal(ok(more), "");
  assert.equal(more.stderr, "alice: labels night, shop\n");
  const renamed = await edit("alice", "--name", "carol", "--label", "new", "--json");
  const after = json(renamed) as AgentInfo;
  assert.deepEqual([after.id, after.name, after.labels], [id, "carol", ["new"]]);
  assert.match((await edit("carol", "--name", "alice")).stderr, /^carol is alice: labels new\n$/);
  assert.match((await edit("alice", "--no-label")).stderr, /^alice: no labels\n$/);
  assert.deepEqual(await listed("new"), []);
});

void test("agentctl edit says what is wrong, and then does nothing", async () => {
  await using p = project();
  await p.start();
  ok(await p.agentctl("create", "alice", "--type", "quiet"));
  const edit = (...args: string[]): Promise<Ended> => p.agentctl("edit", ...args);
  fails(await edit("alice"), 2, /--name, --label/);
  fails(await edit("alice", "--label", "a", "--add-label", "b"), 2, /leave out --add-label/);
  fails(await edit("alice", "--no-label", "--remove-label", "b"), 2, /leave out/);
  fails(await edit("alice", "--label", "a b"), 1, /"a b" is no label/);
  fails(await edit("alice", "--name", "greeter"), 1, /greeter[^]*another name/);
  fails(await edit("alcie", "--name", "x"), 3, /Did you mean alice/);
  const { name, labels } = json(await p.agentctl("info", "alice", "--json")) as AgentInfo;
  assert.deepEqual([name, labels], ["alice", []]);
});

void test("agentctl edit refuses to change what somebody else has changed meanwhile", async () => {
  await using p = project();
  const { url } = await p.start();
  const token = readFileSync(join(p.data, TOKEN_FILE), "utf8").trim();
  const authorization = `Bearer ${token}`;
  // Before what is sent through here arrives, the agent gets a label.
  const between = createServer((request, response) => {
    void (async () => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of request) chunks.push(chunk as Uint8Array);
      const headers: Record<string, string> = { authorization, "content-type": "application/json" };
      if (request.method === "PATCH") {
        const body = JSON.stringify({ labels: ["theirs"] });
        await fetch(`${url}/agents/greeter`, { method: "PATCH", headers, body });
        headers["if-match"] = String(request.headers["if-match"]);
      }
      const init = { method: request.method!, headers };
      const body = Buffer.concat(chunks).toString();
      const answer = await fetch(`${url}${request.url}`, { ...init, ...(body !== "" && { body }) });
      response.writeHead(answer.status, {
        "content-type": answer.headers.get("content-type") ?? "",
      });
      response.end(await answer.text());
    })();
  });
  between.listen(0, "127.0.0.1");
  await once(between, "listening");
  const { port } = between.address() as AddressInfo;
  try {
    const there = ["--url", `http://127.0.0.1:${port}`, "--token", token];
    fails(
      await p.agentctl("edit", "greeter", "--add-label", "ours", ...there),
      1,
      /^agentctl: Cannot edit "greeter": somebody else changed it meanwhile.*agentctl info npub1/,
    );
  } finally {
    between.close();
  }
  const { labels } = json(await p.agentctl("info", "greeter", "--json")) as AgentInfo;
  assert.deepEqual(labels, ["theirs"]);
});
