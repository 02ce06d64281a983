import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { running } from "../cli/running.ts";
import { has, MOUNTS, twiceMounted } from "./agents-home.ts";
import type { MountedHome } from "./agents-home.ts";
import { SKIP as skip, until } from "./mounted.ts";

// What people do with the programs of a shell, on agents that live, by agentd's own mount and by that of
// agentctl; each compared with what HTTP says of the same.

let home: MountedHome;
before(async () => {
  if (skip === false) home = await twiceMounted();
});
after(() => home?.[Symbol.asyncDispose]());

/** What waits and what runs is over. */
async function idle(agent = "greeter"): Promise<void> {
  await until(async () => {
    const { queued } = JSON.parse(await home.file(`${agent}/status`)) as { queued: number };
    return queued === 0;
  });
}

for (const mount of MOUNTS) {
  const says = (script: string): Promise<string> =>
    home.says(mount, `cd agents/greeter; ${script}`);

  void test(`every file says by ${mount} what it says over HTTP`, { skip }, async () => {
    await says("echo Ada > inbox/x; echo 'Know Ada' > goals/ada");
    await says("echo note > memory/files/note; echo value > memory/kv/key");
    await says(`echo '{"in":"1h"}' > alarms/later`);
    await idle();
    const found = await says("find . -type f ! -name trace ! -name events | sort");
    const paths = found
      .trim()
      .split("\n")
      .map((path) => path.slice(2));
    assert.ok(paths.length > 25, found);
    for (const path of paths) {
      // Asked of them nothing, they say nothing.
      if (/^identity\/(sign|verify|encrypt|decrypt)|^nostr\/publish/.test(path)) {
        assert.equal(await says(`cat ${path}`), "");
        continue;
      }
      assert.equal(await says(`cat ${path}`), await home.file(`greeter/${path}`), path);
    }
    const lists = (await says("find . -type d | sort")).trim().split("\n");
    for (const path of lists) {
      const there = await says(`ls -a1p ${path} | grep -v '^[.][.]*/$' | sort; true`);
      const answer = await home.http(`/fs/agents/greeter/${path.slice(2)}?limit=1000`);
      assert.equal(
        there,
        `${(await answer.text()).trim().split("\n").sort().join("\n")}\n`.replace(/^\n/, ""),
        path,
      );
    }
    await says("rm goals/ada memory/files/note memory/kv/key alarms/later");
  });

  void test(`files of a memory are files, by ${mount}`, { skip }, async () => {
    await says("mkdir memory/files/w");
    const there = (script: string): Promise<string> => says(`cd memory/files/w; ${script}`);
    await there("echo one > a; echo two >> a");
    assert.equal(await there("cat a; wc -c < a; stat -c '%s %A' a"), "one\ntwo\n8\n8 -rw-------\n");
    assert.equal(await home.file("greeter/memory/files/w/a"), "one\ntwo\n");
    // A program of the machine, which is no text.
    await there(
      "cp /bin/cat cat; cmp /bin/cat cat; cp a b; mv b c; mv c cat2; mv cat2 a2; cmp a a2",
    );
    assert.equal(await there("ls"), "a\na2\ncat\n");
    await there("mkdir -p d/e; echo x > d/e/f; mv d D; test -f D/e/f; ! test -e d");
    const { err, code } = await home.sh(mount, "rmdir agents/greeter/memory/files/w/D");
    assert.match(err, /Directory not empty/);
    assert.equal(code, 1);
    await there("rm D/e/f; rmdir D/e D; ! test -e D");
    await there("sed -i s/one/ONE/ a; dd if=/dev/zero of=z bs=1k count=64 status=none");
    assert.equal(
      await there("head -n1 a; head -c2 a; tail -n1 a; wc -c < z"),
      "ONE\nONtwo\n65536\n",
    );
    await there("dd if=a of=z bs=1 skip=4 seek=10 conv=notrunc status=none; truncate -s 14 z");
    assert.equal(await there("tail -c4 z"), "two\n");
    await there(
      "touch new a; test -f new; ! test -s new; echo t | tee new | cmp - new; echo u | tee -a new > /dev/null",
    );
    assert.equal(await home.file("greeter/memory/files/w/new"), "t\nu\n");
    // As editors save: beside it, and then in its place.
    await there("echo saved > .a.swp; mv .a.swp a; cp -p a a~; ln -f a~ b 2>/dev/null || rm a~");
    assert.equal(await home.file("greeter/memory/files/w/a"), "saved\n");
    // A directory of the machine, in and out.
    await there("mkdir t; tar c -C /etc/default . | tar x -C t; diff -r /etc/default t");
    await there(
      "tar c t | tar t | sort > /tmp/$$; (cd /etc/default; find . -type f | wc -l) > n; test $(grep -vc '/$' /tmp/$$) = $(cat n); rm /tmp/$$",
    );
    assert.equal(await there("echo needle > t/deep; grep -rl needle ."), "./t/deep\n");
    await there(
      `printf 'a b' > 'with space'; printf 'ü' > 'ü€'; printf x > '%2F'; printf y > '-n'`,
    );
    assert.equal(await home.file("greeter/memory/files/w/with%20space"), "a b");
    assert.equal(await home.file("greeter/memory/files/w/%C3%BC%E2%82%AC"), "ü");
    assert.equal(await home.file("greeter/memory/files/w/%252F"), "x");
    await says("rm -r memory/files/w; ls memory/files");
    assert.equal(await says("ls memory/files"), "");
  });

  void test(
    `what an agent's ticks do not change has not changed, by ${mount}`,
    { skip },
    async () => {
      await says(
        "mkdir memory/files/s; echo x > memory/files/s/a; echo y > memory/kv/y; echo z > goals/z",
      );
      const times = "stat -c '%n %Y %s' memory/files/s/a memory/kv/y goals/z";
      const first = await says(times);
      await sleep(1200);
      await says("echo Ada > inbox/x");
      await idle();
      await sleep(1200);
      assert.equal(await says(times), first);
      assert.equal(
        await says("ls -l memory/files/s goals memory/kv > /dev/null; ls memory/kv"),
        "y\n",
      );
      assert.equal(await says(times), first);
      await says("tar c memory goals alarms | tar t > /dev/null");
      if (has("vim")) {
        await says(`printf '%%s/x/vim/\\nwq\\n' | HOME=/ vim -es -u NONE memory/files/s/a`);
        assert.equal(await home.file("greeter/memory/files/s/a"), "vim\n");
      }
      await says("rm -r memory/files/s memory/kv/y goals/z");
    },
  );

  void test(`a goal is written as a file, by ${mount}`, { skip }, async () => {
    await says("echo 'Learn TypeScript' > goals/g; sed -i s/TypeScript/Rust/ goals/g");
    const { title } = JSON.parse(await home.file("greeter/goals/g")) as { title: string };
    assert.equal(title, "Learn Rust");
    const viaApi = await home.http("/agents/greeter/goals");
    assert.match(await viaApi.text(), /"Learn Rust"/);
    assert.equal(await says("grep -rl Rust goals"), "goals/g\n");
    if (has("jq")) {
      assert.equal(await says("jq -r .title goals/g"), "Learn Rust\n");
      await says(`jq '.progress = 0.5' goals/g > /tmp/$$; cp /tmp/$$ goals/g; rm /tmp/$$`);
      assert.equal(await says("jq .progress goals/g"), "0.5\n");
    }
    const { err } = await home.sh(mount, "cd agents/greeter; echo '{\"title\":1}' | tee goals/g");
    assert.match(err, /Invalid argument/);
    await says("rm goals/g; ! test -e goals/g");
  });

  void test(
    `mail is delivered by echo and cp, read, and buried, by ${mount}`,
    { skip },
    async () => {
      await says(
        "echo pause > ctl; echo Ada > inbox/any; echo '{\"a\":1}' > inbox/b.json; echo Eve > /tmp/$$; cp /tmp/$$ inbox/; rm /tmp/$$",
      );
      const names = (await says("ls -v inbox")).trim().split("\n");
      assert.equal(names.length, 3);
      const payloads: unknown[] = [];
      for (const name of names) {
        const text = await says(`cat inbox/${name}`);
        assert.equal(text, await home.file(`greeter/inbox/${name}`));
        payloads.push((JSON.parse(text) as { envelope: { payload: unknown } }).envelope.payload);
      }
      assert.deepEqual(payloads, ["Ada", { a: 1 }, "Eve"]);
      assert.match(
        (await home.sh(mount, "rm agents/greeter/inbox/*")).err,
        /Permission denied|Operation not/,
      );
      await says("echo resume > ctl");
      await idle();
      await until(async () => (await says("ls inbox")) === "");
      await says("for n in 1 2 3 4; do echo fail > inbox/x; done");
      await until(async () => (await says("ls deadletter")).split("\n").length === 5);
      await says(
        "cd deadletter; set -- *; grep -q told $1; echo discard > $1; rm $2; mv $3 ../inbox/; echo replay > $4",
      );
      // Both that were replayed fail once more, at places of their own.
      await until(async () => {
        await idle();
        return (await says("ls deadletter")).split("\n").length === 3;
      });
      const rows = await home.http("/agents/greeter/deadletter");
      const { items } = (await rows.json()) as { items: { position: number }[] };
      const listed = (await says("ls -v deadletter")).trim().split("\n").map(Number);
      assert.deepEqual(
        items.map(({ position }) => position),
        listed,
      );
      await says("rm deadletter/*");
      assert.equal(await says("ls deadletter"), "");
    },
  );

  void test(
    `ctl, alarms, config, state and mounts take what is written, by ${mount}`,
    { skip },
    async () => {
      assert.match(await says("cat ctl"), /^wake .*\ntick /);
      await says('echo pause > ctl; grep -q \'"status": "paused"\' status; echo resume >> ctl');
      await says("printf 'hibernate\\nwake\\n' > ctl; grep -q '\"status\": \"active\"' status");
      for (const script of [
        "echo explode > ctl",
        "echo explode | tee ctl",
        "echo bogus >> mounts",
      ]) {
        const { err } = await home.sh(mount, `cd agents/greeter; ${script}`);
        assert.match(err, /Invalid argument/, script);
      }
      await says(`echo '{"in":"1h","payload":{"x":1}}' > alarms/a; grep -q '"x": 1' alarms/a`);
      await until(async () =>
        /"id":\s*"a"/.test(await (await home.http("/agents/greeter/status")).text()),
      );
      await says('rm alarms/a; test -z "$(ls alarms)"');
      await says(
        `sed 's/"labels": \\[\\]/"labels": ["l"]/' config > /tmp/$$; cp /tmp/$$ config; rm /tmp/$$; grep -q '"l"' config`,
      );
      const { labels } = (await (await home.http("/agents/greeter")).json()) as {
        labels: string[];
      };
      assert.deepEqual(labels, ["l"]);
      await says(
        `sed 's/"name": "greeter"/"name": "renamed"/;s/"l"//' config > /tmp/$$; cp /tmp/$$ config; rm /tmp/$$`,
      );
      assert.equal((await home.http("/agents/renamed")).status, 200);
      await until(async () => (await home.says(mount, "ls agents")).includes("renamed"));
      await home.says(
        mount,
        `sed 's/"name": "renamed"/"name": "greeter"/' agents/renamed/config > /tmp/$$; cp /tmp/$$ agents/renamed/config; rm /tmp/$$`,
      );
      await until(async () => !(await home.says(mount, "ls agents")).includes("renamed"));
      await says(`echo '{"greeted":7}' > state; grep -q '"greeted": 7' state`);
      assert.match(await home.file("greeter/state"), /"greeted": 7/);
      await says(
        "echo 'mount /fs/s scratch read-write' > mounts; echo hi > fs/s/a; cat fs/s/a; echo 'access /fs/s read-only' >> mounts",
      );
      assert.equal(await says("cat mounts fs/s/a"), "/fs/s scratch read-only\nhi\n");
      assert.match(
        (await home.sh(mount, "echo x > agents/greeter/fs/s/a")).err,
        /Permission denied|Read-only/,
      );
      await says("echo 'unmount /fs/s' > mounts; ! test -e fs; ! test -s mounts");
    },
  );

  void test(`the key is used by a shell, each for itself, by ${mount}`, { skip }, async () => {
    const hash = "ab".repeat(32);
    const sign = `exec 3<>identity/sign; echo ${hash} >&3; head -n1 <&3; exec 3>&-`;
    const signature = (await says(sign)).trim();
    assert.match(signature, /^[0-9a-f]{128}$/);
    const pubkey = (await says("cat identity/pubkey")).trim();
    const verify = (what: string): string => `exec 4<>identity/verify; echo ${what} >&4; cat <&4`;
    assert.equal(await says(verify(`${pubkey} ${hash} ${signature}`)), "true\n");
    assert.equal(await says(verify(`${pubkey} ${"00".repeat(32)} ${signature}`)), "false\n");
    const answer = await home.http("/fs/agents/greeter/identity/verify", {
      method: "POST",
      body: `${pubkey} ${hash} ${signature}`,
    });
    assert.equal(await answer.text(), "true\n");
    // Sixteen at once, and nobody sees another one's answer.
    const many = `for i in $(seq 16); do (h=$(printf %064x $i); exec 3<>identity/sign; echo $h >&3; s=$(head -n1 <&3); exec 4<>identity/verify; echo ${pubkey} $h $s >&4; cat <&4) & done; wait`;
    assert.equal(await says(many), "true\n".repeat(16));
    const { err } = await home.sh(
      mount,
      "cd agents/greeter; exec 3<>identity/sign; echo no >&3; cat <&3",
    );
    assert.match(err, /Invalid argument/);
    const npub = (await home.says(mount, "cat agents/quiet/identity/npub")).trim();
    await says(`echo 'Hello' > nostr/dm/${npub}`);
    await until(
      async () =>
        /Hello/.test(await home.file("quiet/logs/trajectory")) ||
        (await home.file("quiet/status")).includes('"ticks"'),
    );
  });

  void test(`what happens is followed with cat and tail, by ${mount}`, { skip }, async () => {
    const at = `${home.dir}/${mount}/agents/greeter`;
    await using cat = running("cat", [`${at}/logs/trace`], "/");
    await using events = running("cat", [`${at}/outbox/events`], "/");
    await using record = running("tail", ["-n1", "-f", `${at}/logs/trajectory`], "/");
    await says("echo begun > memory/files/growing");
    await using growing = running("tail", ["-n+1", "-f", `${at}/memory/files/growing`], "/");
    await growing.until(() => growing.out() === "begun\n");
    await record.until(() => record.out().endsWith("}\n"));
    const before = record.out();
    await says("echo more >> memory/files/growing");
    await until(async () => {
      await says("echo Bob > inbox/x");
      await sleep(100);
      return events.out() !== "" && cat.out().includes("tick_end");
    });
    await growing.until(() => growing.out() === "begun\nmore\n");
    await record.until(() => record.out().length > before.length && record.out().endsWith("}\n"));
    for (const line of `${cat.out()}${events.out()}`.split("\n").slice(0, 4)) JSON.parse(line);
    assert.match(cat.out(), /"event":"log".*"greeting"/);
    assert.match(events.out(), /"greeted"/);
    const all = await home.file("greeter/logs/trajectory");
    assert.ok(all.includes(record.out().trim()));
    await says("rm memory/files/growing");
  });
}
