import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PACKAGE, project } from "./project.ts";
import type { Ended, Project } from "./project.ts";

function ok({ code, stdout, stderr }: Ended): string {
  assert.equal(code, 0, stderr);
  return stdout;
}

function fails({ code, stdout, stderr }: Ended, expected: number, message: RegExp): void {
  assert.equal(code, expected, stderr);
  assert.equal(stdout, "");
  assert.match(stderr, message);
}

const json = (ended: Ended): Record<string, unknown> =>
  JSON.parse(ok(ended)) as Record<string, unknown>;

const AGENTCTL = join(PACKAGE, "bin/agentctl.js");

void test("agentctl export writes a tar file, and agentctl import takes the same agent in", async () => {
  await using p = project();
  await p.start();
  ok(await p.agentctl("create", "bob", "--type", "greeter"));
  ok(await p.agentctl("send", "bob", "Ada", "--wait"));
  const { id } = json(await p.agentctl("info", "bob", "--json"));
  const file = join(p.dir, "bob.tar");

  const written = json(await p.agentctl("export", "bob", "-o", "bob.tar", "--json"));
  assert.deepEqual(written, { name: "bob", bytes: statSync(file).size, file: "bob.tar" });
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const listed = spawnSync("tar", ["tf", file], { encoding: "utf8" });
  assert.match(
    listed.stdout,
    /^manifest\.json\ntree\/[^]*trajectory\/000001\.ndjson\n[^]*end\.json\n$/,
  );
  const { stdout } = spawnSync(process.execPath, [AGENTCTL, "export", "bob"], { cwd: p.dir });
  assert.equal(stdout.subarray(0, 13).toString(), "manifest.json");
  assert.equal(stdout.length, readFileSync(file).length);

  fails(await p.agentctl("import", "bob.tar"), 1, /"bob" is here/);
  ok(await p.agentctl("delete", "bob", "--purge"));
  const imported = await p.agentctl("import", "bob.tar");
  assert.equal(ok(imported), `${String(id)}\n`);
  assert.match(imported.stderr, /Took in bob\. See .* agentctl status bob/);
  assert.equal(
    ok(await p.agentctl("send", "bob", "Eve", "--wait")),
    "Hello Eve, you are number 2\n",
  );
  assert.match(ok(await p.agentctl("trajectory", "bob", "--verify")), /^intact: 3 records/);

  ok(await p.agentctl("delete", "bob", "--purge"));
  const piped = spawnSync(process.execPath, [AGENTCTL, "import", "--name", "rob"], {
    cwd: p.dir,
    input: readFileSync(file),
    encoding: "utf8",
  });
  assert.equal(piped.stdout, `${String(id)}\n`, piped.stderr);
  const clone = json(
    await p.agentctl("import", "bob.tar", "--mode", "clone", "--name", "twin", "--json"),
  ) as { agent: { id: string; name: string }; warnings: string[] };
  assert.equal(clone.agent.name, "twin");
  assert.notEqual(clone.agent.id, id);
  assert.deepEqual(clone.warnings, []);
});

void test("agentctl export and import say what is wrong, and leave nothing half done", async () => {
  await using p = project();
  await using q = project();
  await p.start();
  await q.start();
  ok(await p.agentctl("export", "greeter", "-o", "g.tar"));
  fails(await p.agentctl("export", "greeter", "--json"), 2, /-o FILE/);
  fails(await p.agentctl("export", "nobody", "-o", "x.tar"), 3, /no agent "nobody"/);
  assert.equal(existsSync(join(p.dir, "x.tar")), false);
  fails(
    await p.agentctl("export", "greeter", "-o", "no/where.tar"),
    1,
    /Cannot write "no\/where\.tar"/,
  );
  fails(await p.agentctl("export", "greeter", "--to", "me"), 2, /--to "me": it is no http address/);
  fails(await p.agentctl("export", "greeter", "--to", "http://127.0.0.1:1"), 4, /--to-token/);
  const to = ["--to", "http://127.0.0.1:1", "--to-token", "t", "-o", "x.tar"];
  fails(
    await p.agentctl("export", "greeter", ...to),
    5,
    /Cannot reach agentd at http:\/\/127\.0\.0\.1:1/,
  );

  const other = await q.agentctl("import", join(p.dir, "g.tar"), "--name", "other");
  fails(other, 4, /its key is for another runtime/);
  fails(await q.agentctl("import", "none.tar"), 1, /Cannot read "none\.tar"/);
  fails(await q.agentctl("import", "none.tar", "--mode", "clone"), 2, /--name/);
  fails(await q.agentctl("import", "none.tar", "--mode", "copy"), 2, /restore, clone, migrate/);
  const whole = readFileSync(join(p.dir, "g.tar"));
  writeFileSync(join(q.dir, "half.tar"), whole.subarray(0, whole.length / 2));
  writeFileSync(join(q.dir, "text.tar"), "hello");
  for (const file of ["half.tar", "text.tar"]) {
    const clone = ["--mode", "clone", "--name", "twin"];
    fails(await q.agentctl("import", file, ...clone), 1, /Cannot read bundle/);
  }
  fails(await q.agentctl("info", "twin"), 3, /no agent/);

  // Sealed for the other home, by its data directory, its address or its key.
  const sealed = json(
    await p.agentctl("export", "greeter", "--to-data", q.data, "-o", "sealed.tar", "--json"),
  );
  assert.match(String(sealed["to"]), /^npub1/);
  ok(await p.agentctl("export", "greeter", "--to", String(sealed["to"]), "-o", "sealed.tar"));
  const taken = await q.agentctl("import", join(p.dir, "sealed.tar"), "--name", "moved-in");
  assert.match(ok(taken), /^npub1/);
});

void test("agentctl export does not print a tar file to a terminal", async (t) => {
  if (spawnSync("script", ["--version"]).status !== 0) {
    t.skip("needs script(1), which gives a program a terminal");
    return;
  }
  await using p = project();
  await p.start();
  const command = `"${process.execPath}" "${AGENTCTL}" export greeter`;
  const { stdout, status } = spawnSync("script", ["-qec", command, "/dev/null"], {
    cwd: p.dir,
    encoding: "utf8",
  });
  assert.equal(status, 2);
  assert.match(stdout, /Cannot print a bundle to a terminal/);
  assert.ok(!stdout.includes("openagents-bundle"));
});

void test("agentctl move brings an agent to another home, and its old one says where it is", async () => {
  await using p = project();
  await using q = project();
  const [a, b] = [await p.start(), await q.start()];
  ok(await p.agentctl("create", "bob", "--type", "greeter"));
  ok(await p.agentctl("send", "bob", "Ada", "--wait"));
  const { id } = json(await p.agentctl("info", "bob", "--json"));
  fails(await p.agentctl("move", "bob"), 2, /--to URL/);
  fails(await p.agentctl("move", "bob", "--to", b.url), 4, /Cannot find the token of http/);
  fails(await p.agentctl("move", "bob", "--to", b.url, "--to-token", "wrong"), 4, /token is wrong/);
  fails(await p.agentctl("move", "nobody", "--to-data", q.data), 3, /no agent "nobody"/);
  fails(await p.agentctl("move", "bob", "--to-data", p.data), 1, /at its new home already/);
  fails(await p.agentctl("move", "greeter", "--to-data", q.data), 1, /the name "greeter" is taken/);
  fails(
    await p.agentctl("move", "bob", "--to-data", q.data, "--policy", "no"),
    2,
    /forward, refuse/,
  );
  const env = { OPENAGENTS_TO_TOKEN: readFileSync(join(q.data, "token"), "utf8").trim() };
  const moved = await p.run(["move", "bob", "--to", b.url, "--json"], { env });
  const result = json(moved) as { agent: { id: string }; from: string; to: string; bytes: number };
  assert.deepEqual([result.agent.id, result.from, result.to], [id, a.url, b.url]);
  assert.ok(result.bytes > 5000);
  assert.match(moved.stderr, /bob leaves http[^]*All of it is at http[^]*It has left http/);
  assert.ok(!moved.stderr.includes(env.OPENAGENTS_TO_TOKEN));

  fails(await p.agentctl("send", "bob", "Eve", "--wait"), 1, /has moved to http.*\n.*--url URL/);
  fails(await p.agentctl("state", "bob"), 1, new RegExp(`"bob" has moved to ${b.url}`));
  assert.match(ok(await p.agentctl("status", "bob")), /^status +moved$/m);
  ok(await p.agentctl("send", "bob", "Eve"));
  assert.equal(
    ok(await q.agentctl("send", "bob", "Guy", "--wait")),
    "Hello Guy, you are number 3\n",
  );
  assert.match(ok(await q.agentctl("trajectory", "bob", "--verify")), /^intact: 4 records/);
  assert.match(ok(await p.agentctl("trajectory", "bob", "--verify")), /^intact: 2 records/);
  // Again: there is nothing more to do; and back, with mail refused from then on.
  assert.equal(ok(await p.agentctl("move", "bob", "--to-data", q.data)), `${String(id)}\n`);
  ok(await q.agentctl("move", "bob", "--to-data", p.data, "--policy", "refuse"));
  fails(await q.agentctl("send", "bob", "Zoe"), 1, new RegExp(`has moved to ${a.url}`));
  assert.equal(
    ok(await p.agentctl("send", "bob", "Zoe", "--wait")),
    "Hello Zoe, you are number 4\n",
  );
});

/** Starts a move, and ends it with a signal once it has said something. */
async function interrupted(
  p: Project,
  args: readonly string[],
  { said, signal }: { readonly said: RegExp; readonly signal: NodeJS.Signals },
): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const child = spawn(process.execPath, [AGENTCTL, "move", ...args], {
    cwd: p.dir,
    env: { PATH: process.env["PATH"], HOME: p.dir },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    const before = said.test(stderr);
    stderr += chunk.toString();
    if (!before && said.test(stderr)) child.kill(signal);
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stderr };
}

void test("agentctl move that was killed at any step ends when it is run again, with one owner", async () => {
  await using p = project();
  await using q = project();
  await p.start();
  await q.start();
  ok(await p.agentctl("create", "bob", "--type", "greeter"));
  let [from, to] = [p, q];
  let greeted = 0;
  for (const said of [/leaves/, /All of it is at/, /It has left/]) {
    for (const signal of ["SIGKILL", "SIGINT"] as const) {
      const { code, stderr } = await interrupted(from, ["bob", "--to-data", to.data], {
        said,
        signal,
      });
      // It may have been quicker than the signal.
      assert.ok(code === null || code === 130 || code === 0, stderr);
      ok(await from.agentctl("move", "bob", "--to-data", to.data));
      assert.equal(json(await from.agentctl("info", "bob", "--json"))["status"], "moved");
      greeted += 1;
      const answer = ok(await to.agentctl("send", "bob", "Ada", "--wait"));
      assert.equal(answer, `Hello Ada, you are number ${greeted}\n`);
      [from, to] = [to, from];
    }
  }
  assert.match(ok(await from.agentctl("trajectory", "bob", "--verify")), /^intact: 7 records/);
});
