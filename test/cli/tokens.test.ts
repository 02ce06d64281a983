import assert from "node:assert/strict";
import { test } from "node:test";
import type { MadeToken } from "../../src/control/tokens.ts";
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

const rows = (ended: Ended): readonly Record<string, unknown>[] =>
  JSON.parse(ok(ended)) as readonly Record<string, unknown>[];

void test("agentctl tokens makes a token that lets in as far as it says, until it is revoked", async () => {
  await using p = project();
  const { url } = await p.start();
  const none = await p.agentctl("tokens", "list");
  assert.equal(ok(none), "");
  assert.match(none.stderr, /agentctl tokens create/);
  const made = await p.agentctl("tokens", "create", "dashboard", "--scope", "read");
  const token = ok(made).trim();
  // The token alone is on stdout, for `> file` and `$(…)`.
  assert.match(ok(made), /^oat_[0-9a-f]{16}_[\w-]{43}[0-9A-Za-z]{6}\n$/);
  const id = token.split("_")[1]!;
  assert.match(made.stderr, new RegExp(`agentctl tokens revoke ${id}`));
  assert.ok(!made.stderr.includes(token));
  const as = (given: string, ...args: string[]): Promise<Ended> =>
    p.run([...args, "--url", url, "--token", given], {});
  assert.match(ok(await as(token, "list")), /greeter/);
  fails(await as(token, "send", "greeter", "hi"), 4, /needs "operate"/);
  fails(await as(token, "tokens", "list"), 4, /needs "admin"/);
  const listed = await p.agentctl("tokens", "list");
  assert.match(ok(listed), new RegExp(`^ID[^]*\\n${id} +dashboard +read +- +6000/min`));
  assert.ok(!listed.stdout.includes(token));
  const revoked = await p.agentctl("tokens", "revoke", id);
  assert.equal(ok(revoked), "");
  fails(await as(token, "list"), 4, /the token is wrong, revoked or out of date\nGive the token/);
  fails(
    await p.agentctl("tokens", "revoke", id),
    3,
    /no token "[0-9a-f]+"[^]*agentctl tokens list/,
  );
});

void test("agentctl tokens binds a token to agents by their keys, and to labels", async () => {
  await using p = project();
  const { url } = await p.start();
  ok(await p.agentctl("create", "other", "--type", "quiet"));
  const options = ["--scope", "operate", "--rate", "50", "--expires", "30d"];
  const bounds = ["--agent", "greeter", "--label", "ci", "env=prod"];
  const before = Date.now();
  const made = await p.agentctl("tokens", "create", "ci", ...options, ...bounds, "--json");
  const { token, ...info } = JSON.parse(ok(made)) as MadeToken;
  assert.deepEqual(rows(await p.agentctl("tokens", "list", "--json")), [info]);
  assert.match(String(info.agents), /^npub1[a-z0-9]+$/);
  assert.deepEqual(info.labels, ["ci", "env=prod"]);
  assert.equal(info.rate, 50);
  assert.ok(info.expiresAt! >= before + 30 * 86_400_000);
  assert.match(ok(await p.agentctl("tokens", "list")), / greeter, label ci, label env=prod +50\//);
  const as = (...args: string[]): Promise<Ended> =>
    p.run([...args, "--url", url, "--token", token], {});
  assert.equal(rows(await as("list", "--json")).length, 1);
  ok(await as("send", "greeter", "Ada", "--wait"));
  assert.notEqual((await as("send", "other", "Ada")).code, 0);
  // What has leaked is at hand, and revokes itself.
  ok(await p.agentctl("tokens", "revoke", token));
  assert.deepEqual(rows(await p.agentctl("tokens", "list", "--json")), []);
});

void test("agentctl tokens says what is wrong", async () => {
  await using p = project();
  await p.start();
  const create = (...args: string[]) => p.agentctl("tokens", "create", ...args);
  fails(await create("x"), 2, /--scope/);
  fails(await create("x", "--scope", "all"), 2, /must be one of read, operate, admin/);
  const read = ["x", "--scope", "read"];
  fails(await create(...read, "--expires", "soon"), 2, /Cannot use --expires "soon"/);
  fails(await create(...read, "--expires", "0s"), 2, /--expires/);
  fails(await create(...read, "--rate", "many"), 2, /--rate "many"/);
  fails(await create(...read, "--agent", "greter"), 3, /"greter"[^]*Did you mean greeter/);
  fails(await p.agentctl("tokens", "revoke", "../agents/greeter"), 2, /agentctl tokens list/);
  // Nobody got one for what was wrong.
  assert.deepEqual(rows(await p.agentctl("tokens", "list", "--json")), []);
});
