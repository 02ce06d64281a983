import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { shellQuote } from "../../src/cli/shell-quote.ts";
import { PACKAGE, project } from "./project.ts";
import type { Project } from "./project.ts";

/** Puts `agentctl` on the PATH of a project's shells; the environment of one. */
function environment({ dir }: Project): NodeJS.ProcessEnv {
  const bin = join(dir, "bin");
  mkdirSync(bin, { recursive: true });
  const program = join(bin, "agentctl");
  const words = [process.execPath, join(PACKAGE, "bin/agentctl.js")].map(shellQuote).join(" ");
  writeFileSync(program, `#!/bin/sh\nexec ${words} "$@"\n`);
  chmodSync(program, 0o755);
  return { ...process.env, PATH: `${bin}${delimiter}${process.env["PATH"]}`, HOME: dir };
}

function missing(shell: string): string | false {
  // Elsewhere, as `script` leaves a file where it runs.
  return spawnSync(shell, ["-c", "true"], { cwd: tmpdir() }).error === undefined
    ? false
    : `${shell} is not installed here`;
}

/** What a shell says to a script; none of it on stderr. */
async function run(p: Project, [shell = "", ...args]: string[]): Promise<string[]> {
  const child = spawn(shell, args, {
    cwd: p.dir,
    env: environment(p),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, errors] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  await once(child, "close");
  assert.equal(errors, "");
  return out.split("\n").filter((line) => line !== "");
}

/** What a shell offers for the last of the words that were typed, by its own splitting of them. */
type Offers = (...words: string[]) => Promise<readonly string[]>;

/** The same cases for each shell: `offers` gives whole words. */
async function cases(p: Project, offers: Offers): Promise<void> {
  for (const name of ["alice", "bob"]) {
    assert.equal((await p.agentctl("create", name, "--type", "quiet")).code, 0);
  }
  const has = async (words: string[], wanted: string[], others: string[] = []): Promise<void> => {
    const found = await offers(...words);
    for (const word of wanted)
      assert.ok(found.includes(word), `${words.join(" ")}: ${word} of ${found.join(" ")}`);
    for (const word of others) assert.ok(!found.includes(word), `${words.join(" ")}: ${word}`);
  };
  await has([""], ["create", "send", "top", "context", "help"], ["__complete", "use"]);
  await has(["context", ""], ["use", "set", "rename"], ["create"]);
  await has(["--json", "context", ""], ["use"], ["create"]);
  await has(["--data", ".openagents", "deadletter", ""], ["replay"], ["create"]);
  await has(["help", ""], ["send"]);
  await has(["completion", ""], ["bash", "zsh", "fish"]);
  await has(["top", "--sort", ""], ["rate", "queued"], ["alice"]);
  await has(["list", "--s"], ["--status"]);
  await has(["send", "bob", "--w"], ["--wait"]);
  await has(["send", "--wait", "--p"], ["--payload"]);
  // Agents, types and contexts of the home that the line names.
  await has(["send", ""], ["alice", "bob", "greeter"], ["create"]);
  await has(["send", "--wait", "5s", ""], ["alice"]);
  await has(["--data", ".openagents", "send", ""], ["alice"]);
  await has(["send", "alice", ""], [], ["alice"]);
  await has(["create", ""], [], ["alice"]);
  await has(["create", "x", "--type", ""], ["greeter", "quiet"]);
  await has(["deadletter", "list", ""], ["bob"]);
  await has(["schedule", "create", ""], ["bob"]);
  // Tokens are not agents, and are known by their ids.
  const { stdout } = await p.agentctl("tokens", "create", "ci", "--scope", "read", "--json");
  const { id } = JSON.parse(stdout) as { readonly id: string };
  await has(["tokens", "create", ""], [], ["alice"]);
  await has(["tokens", "create", "x", "--agent", ""], ["alice"]);
  await has(["tokens", "create", "x", "--scope", ""], ["read", "admin"]);
  await has(["tokens", "revoke", ""], [id], ["alice"]);
  // Goals are an agent's, and so is what can be cancelled; a group may take an agent as well.
  assert.equal((await p.agentctl("goals", "add", "bob", "Sleep", "--id", "sleep")).code, 0);
  await has(["goals", ""], ["add", "bob"]);
  await has(["goals", "done", ""], ["bob"], ["add"]);
  await has(["goals", "done", "bob", ""], ["sleep"], ["bob"]);
  await has(["goals", "done", "alice", ""], [], ["sleep"]);
  assert.equal((await p.agentctl("pause", "bob")).code, 0);
  assert.equal((await p.agentctl("send", "bob", "hi", "--id", "first")).code, 0);
  await has(["cancel", "bob", ""], ["first"], ["sleep"]);
  assert.equal((await p.agentctl("context", "set", "prod", "--data", p.data)).code, 0);
  await has(["context", "use", ""], ["prod"], ["alice"]);
  await has(["--context", ""], ["prod"]);
  await has(["--context", "prod", "send", ""], ["bob"]);
  await has(["--context", "nope", "send", ""], [], ["bob"]);
  // Paths of the tree begin with an agent; copies are of files of this machine.
  await has(["fs", ""], ["ls", "cat", "cp"], ["alice"]);
  await has(["fs", "cat", ""], ["alice", "bob"], ["ls"]);
  await has(["fs", "cat", "alice:goals/7", ""], ["alice", "bob"]);
  await has(["mount", "x", "--agent", ""], ["alice"]);
  // Files.
  p.write("note.json", "{}");
  await has(["send", "bob", "--file", "no"], ["note.json"]);
  await has(["fs", "cp", "no"], ["note.json"], ["alice"]);
}

void test("agentctl completion bash completes in bash", { skip: missing("bash") }, async () => {
  await using p = project();
  await p.start();
  const offers: Offers = (...typed) => {
    const words = ["agentctl", ...typed];
    // As readline takes a line apart.
    const parts = words.flatMap((word) =>
      word === "" ? [""] : word.split(/([=:]+)/).filter((part) => part !== ""),
    );
    const line = words.join(" ");
    return run(p, [
      "bash",
      "--norc",
      "-c",
      `source <(agentctl completion bash)
       COMP_WORDS=(${parts.map((part) => `'${part}'`).join(" ")})
       COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
       COMP_LINE='${line}' COMP_POINT=\${#COMP_LINE}
       _agentctl agentctl
       printf '%s\\n' "\${COMPREPLY[@]}"`,
    ]);
  };
  await cases(p, offers);
  assert.deepEqual(await offers("--url", "http://127.0.0.1:1", "cont"), ["context"]);
  assert.deepEqual(await offers("top", "--sort=ra"), ["rate"]);
  assert.deepEqual(await offers("top", "--sort="), await offers("top", "--sort", ""));
  assert.deepEqual(await offers("nope", "nope", ""), await offers(""));
});

void test(
  "agentctl completion bash answers the tab key",
  { skip: missing("script") || missing("bash") },
  async () => {
    await using p = project();
    await p.start();
    const rc = join(p.dir, "rc");
    writeFileSync(rc, "PS1='ready> '\nsource <(agentctl completion bash)\n");
    const child = spawn("script", ["-qec", `bash --noprofile --rcfile ${rc} -i`, "/dev/null"], {
      cwd: p.dir,
      env: { ...environment(p), TERM: "dumb" },
    });
    try {
      let seen = "";
      const until = (text: string): Promise<void> =>
        new Promise((resolve) => {
          const check = (): void => {
            if (seen.includes(text)) resolve();
          };
          child.stdout.on("data", check);
          check();
        });
      child.stdout.setEncoding("utf8").on("data", (text: string) => (seen += text));
      await until("ready> ");
      child.stdin.write("agentctl comp\t");
      await until("agentctl completion ");
      child.stdin.write("\u0015agentctl status gr\t");
      await until("status greeter ");
    } finally {
      child.kill("SIGKILL");
    }
  },
);

void test("agentctl completion zsh completes in zsh", { skip: missing("zsh") }, async () => {
  await using p = project();
  await p.start();
  const offers: Offers = (...typed) =>
    run(p, [
      "zsh",
      "-f",
      "-c",
      `compdef() { : }
       compset() { : }
       _describe() { [[ $1 == -o ]] && shift; for each in \${(P)2}; do print -r -- "\${each%%:*}"; done }
       compadd() { print -rl -- \${(P)2} }
       _files() { print -rl -- *(N) }
       source <(agentctl completion zsh)
       words=(agentctl ${typed.map((word) => `'${word}'`).join(" ")}) CURRENT=${typed.length + 1}
       _agentctl`,
    ]);
  await cases(p, offers);
  assert.ok((await offers("top", "--sort=ra")).includes("rate"));
});

void test("agentctl completion fish completes in fish", { skip: missing("fish") }, async () => {
  await using p = project();
  await p.start();
  const offers: Offers = async (...typed) => {
    const line = ["agentctl", ...typed].join(" ");
    const script = `agentctl completion fish | source; complete -C '${line}'`;
    const lines = await run(p, ["fish", "--no-config", "-c", script]);
    return lines.map((offer) => offer.split("\t")[0]!);
  };
  await cases(p, offers);
  assert.deepEqual(await offers("top", "--sort=ra"), ["--sort=rate"]);
});

void test("agentctl completion bash is made of the commands that there are", async () => {
  await using p = project();
  const { stdout, code } = await p.agentctl("completion", "bash");
  assert.equal(code, 0);
  assert.match(stdout, /'deadletter replay'\) data=/);
  const { code: wrong, stderr } = await p.agentctl("completion", "tcsh");
  assert.equal(wrong, 2);
  assert.match(stderr, /bash, zsh, fish/);
});

void test("agentctl __complete says nothing, and fails never, where there is nothing", async () => {
  await using p = project();
  const silent = { code: 0, stdout: "", stderr: "" };
  for (const words of [
    [],
    ["agents"],
    ["types"],
    ["contexts"],
    ["nonsense", "--url"],
    ["agents", "--url", "ftp://x"],
    ["agents", "--url", "http://127.0.0.1:1", "--token", "x"],
    ["agents", "--context", "nope"],
  ]) {
    assert.deepEqual(await p.agentctl("__complete", ...words), silent, words.join(" "));
  }
  // One that takes connections and never answers.
  const hole = createServer(() => {}).listen(0, "127.0.0.1");
  await once(hole, "listening");
  const { port } = hole.address() as AddressInfo;
  const words = ["agents", `--url=http://127.0.0.1:${port}`, "--token", "x"];
  assert.deepEqual(await p.agentctl("__complete", ...words), silent);
  hole.close();
  mkdirSync(join(p.dir, ".config/openagents"), { recursive: true });
  writeFileSync(join(p.dir, ".config/openagents/config.json"), "{");
  for (const kind of ["agents", "contexts"]) {
    assert.deepEqual(await p.agentctl("__complete", kind), silent);
  }
  await p.start();
  assert.equal((await p.agentctl("__complete", "agents", "--data", p.data)).stdout, "greeter\n");
  const env = { OPENAGENTS_HOME: p.data };
  assert.equal((await p.run(["__complete", "types"], { env })).stdout, "greeter\nquiet\n");
});
