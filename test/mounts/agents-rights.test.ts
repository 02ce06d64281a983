import assert from "node:assert/strict";
import { chmodSync } from "node:fs";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { has, MOUNTS, mountedHome } from "./agents-home.ts";
import type { MountedHome } from "./agents-home.ts";
import { SKIP, until } from "./mounted.ts";

// Who sees what: other users of the machine nothing at all, and those who may no more than is mounted.

const skip = SKIP === false && !has("setpriv") ? "there is no setpriv here" : SKIP;

let home: MountedHome;
before(async () => {
  if (skip !== false) return;
  home = mountedHome();
  // Else they would not come as far as the mount.
  chmodSync(home.dir, 0o755);
  await mkdir(join(home.dir, "host"));
  await writeFile(join(home.dir, "secret"), "secret\n");
  await writeFile(join(home.dir, "host", "open"), "open\n");
  await symlink("/etc/passwd", join(home.dir, "host", "absolute"));
  await symlink("../secret", join(home.dir, "host", "relative"));
  await symlink("..", join(home.dir, "host", "up"));
  await symlink("open", join(home.dir, "host", "inside"));
  await home.startHere({ args: ["--host-dir", join(home.dir, "host")] });
  await home.mountNet();
});
after(() => home?.[Symbol.asyncDispose]());

/** As somebody else of the machine, with no rights. */
function asNobody(script: string): string {
  const words = `'${script.replaceAll("'", `'\\''`)}'`;
  return `setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs sh -c ${words}`;
}

for (const mount of MOUNTS) {
  void test(
    `other users of the machine see nothing of the agents, by ${mount}`,
    { skip },
    async () => {
      const base = join(home.dir, mount);
      const npub = (await home.says(mount, "cat agents/greeter/identity/npub")).trim();
      // Also when the kernel knows all of it already.
      await home.says(
        mount,
        "find agents/greeter/ > /dev/null; cat agents/greeter/state agents/greeter/status > /dev/null",
      );
      for (const script of [
        `ls ${base}`,
        `ls ${base}/agents`,
        `ls ${base}/agents/${npub}`,
        `cat ${base}/agents/greeter/state`,
        `cat ${base}/agents/${npub}/memory/export`,
        `cat ${base}/srv/home`,
        `stat ${base}/agents/${npub}/status`,
        `echo x > ${base}/agents/${npub}/inbox/x`,
        `echo x > ${base}/agents/greeter/goals/x`,
        `rm ${base}/agents/greeter/state`,
        `cd ${base}`,
        `exec 3<>${base}/agents/greeter/identity/sign`,
      ]) {
        const { out, err, code } = await home.sh(".", asNobody(script));
        assert.notEqual(code, 0, script);
        assert.equal(out, "", script);
        assert.match(err, /Permission denied|can't cd|cannot open|cannot create/, script);
      }
      const { out, code } = await home.sh(".", asNobody(`cat ${join(home.data, "token")} 2>&1`));
      assert.notEqual(code, 0);
      assert.match(out, /Permission denied/);
      // Nothing in it is for anybody else, nor can it be made so.
      const modes = await home.says(mount, "find agents srv -not -type l -perm /7077");
      assert.equal(modes, "");
    },
  );

  void test(
    `who has the files but is not root may do with them what is granted, by ${mount}`,
    { skip },
    async () => {
      // Root with no way round rights: what its own user would see.
      const bare = (script: string): string =>
        `setpriv --bounding-set=-all --inh-caps=-all sh -c '${script}'`;
      await home.says(mount, "for i in 1 2; do echo fail > agents/greeter/inbox/x; done");
      await until(async () => (await home.says(mount, "ls agents/greeter/deadletter")) !== "");
      await until(async () => (await home.says(mount, "ls agents/greeter/inbox")) === "");
      await home.says(
        mount,
        bare("cd agents/greeter; rm deadletter/*; echo x > goals/x; rm goals/x"),
      );
      await home.says(
        mount,
        bare(
          "cd agents/greeter; echo m > memory/files/m; mv memory/files/m memory/files/n; rm memory/files/n; echo wake > ctl",
        ),
      );
      const { err, code } = await home.sh(mount, bare("cd agents/greeter; echo x > deadletter/x"));
      assert.notEqual(code, 0);
      assert.match(err, /Permission denied/);
    },
  );

  void test(
    `nothing leads out of a directory that is mounted in an agent, by ${mount}`,
    { skip },
    async () => {
      await home.says(
        mount,
        `echo 'mount /fs/host host read-write ${join(home.dir, "host")}' | tee agents/greeter/mounts > /dev/null`,
      );
      const there = (script: string): string => `cd agents/greeter/fs/host; ${script}`;
      assert.equal(await home.says(mount, there("cat open")), "open\n");
      for (const script of [
        "cat absolute",
        "cat relative",
        "ls up/",
        "cat up/secret",
        "echo x > absolute",
        "echo x > relative",
        "echo x > up/new",
        "ln -s /etc/passwd made",
        "ln open hard",
        "mkfifo pipe",
        "mknod device c 1 3",
        "chmod 4777 open",
        "chown 1:1 open",
      ]) {
        const { out, err, code } = await home.sh(mount, there(script));
        assert.notEqual(code, 0, script);
        assert.equal(out, "", script);
        assert.doesNotMatch(err, /Input.output error/, script);
      }
      // While it is moved about, nobody gets out by it.
      const script = `
      (for i in $(seq 150); do ln -sfn .. ${home.dir}/host/turn; rm ${home.dir}/host/turn; mkdir ${home.dir}/host/turn; rmdir ${home.dir}/host/turn; done) &
      for i in $(seq 300); do cat agents/greeter/fs/host/turn/secret 2> /dev/null; done
      wait`;
      assert.equal((await home.sh(mount, script)).out, "");
      assert.equal(
        await home.says(mount, there("cat ../../../../../secret")),
        "secret\n",
        "the shell's own way up",
      );
      await home.says(mount, "echo 'unmount /fs/host' | tee agents/greeter/mounts > /dev/null");
    },
  );
}
