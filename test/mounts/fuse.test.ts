import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { MemoryFiles } from "./memory-files.ts";
import { mountedFor, SKIP, until } from "./mounted.ts";

const TEXT = new TextDecoder();

/** Some files and directories of all kinds. */
function some(): MemoryFiles {
  const files = new MemoryFiles();
  files.put("/hello", "hello\n");
  files.put("/status", "", { say: () => '{"state": "ready"}\n', access: "r" });
  files.directory("/dir");
  files.put("/dir/one", "a\nb\nc\n");
  files.directory("/dir/deep");
  files.put("/dir/deep/two", "b\n");
  files.put("/by-name", "", { kind: "link", target: "dir/deep" });
  return files;
}

void test(
  "a mount shows a service to ls, cat, stat, find, grep, head, wc and tar",
  { skip: SKIP },
  async (t) => {
    const { sh, problems } = await mountedFor(t, some());
    const shown = async (script: string): Promise<string> => {
      const { out, err, code } = await sh(script);
      assert.equal(err, "", script);
      assert.equal(code, 0, script);
      return out;
    };
    assert.equal(await shown("ls"), "by-name\ndir\nhello\nstatus\n");
    assert.equal(await shown("cat hello status"), 'hello\n{"state": "ready"}\n');
    assert.equal(
      await shown("stat -c '%s %A %F' hello status dir"),
      [
        "6 -rw------- regular file",
        "0 -r-------- regular empty file",
        "0 drwx------ directory",
        "",
      ].join("\n"),
    );
    assert.equal(
      await shown("readlink by-name; cat by-name/two; cd by-name && pwd -P | grep -o dir/deep"),
      "dir/deep\nb\ndir/deep\n",
    );
    assert.equal(
      await shown("find . | sort"),
      "./by-name\n./dir\n./dir/deep\n./dir/deep/two\n./dir/one\n./hello\n./status\n".replace(
        /^/,
        ".\n",
      ),
    );
    assert.equal(await shown("find . -type f -size -2 -name 'o*'"), "./dir/one\n");
    assert.equal(await shown("grep -r b . | sort"), "./dir/deep/two:b\n./dir/one:b\n");
    assert.equal(
      await shown("head -n 1 dir/one; head -c 3 status; wc -l dir/one; wc -c < status"),
      'a\n{"s3 dir/one\n19\n',
    );
    assert.equal(
      await shown("tail -n 1 dir/one; tail -c 4 status"),
      'c\n"}\n'.replace('"}', 'y"}'),
    );
    assert.equal(await shown("tar c dir | tar t"), "dir/\ndir/one\ndir/deep/\ndir/deep/two\n");
    assert.equal(await shown("tar c dir | tar x -O"), "a\nb\nc\nb\n");
    assert.equal(await shown("cp status /tmp/$$; cat /tmp/$$; rm /tmp/$$"), '{"state": "ready"}\n');
    assert.equal(await shown("df --output=fstype . | tail -1"), "fuse.fuse-test\n");
    assert.equal(await shown("dd if=dir/one bs=1 skip=2 count=3 status=none"), "b\nc");
    assert.equal(await shown("cmp hello hello && echo same"), "same\n");
    assert.deepEqual(problems, []);
  },
);

void test("a file is written as a whole, once, when it is closed", { skip: SKIP }, async (t) => {
  const files = some();
  const { sh, problems } = await mountedFor(t, files);
  const writes = async (script: string): Promise<string[]> => {
    files.changes.length = 0;
    const { err, code } = await sh(script);
    assert.equal(err, "", script);
    assert.equal(code, 0, script);
    return files.changes.filter((change) => !change.startsWith("mkdir"));
  };
  assert.deepEqual(await writes("echo new > hello"), ["write /hello"]);
  assert.equal(files.text("/hello"), "new\n");
  assert.deepEqual(await writes("echo first > made"), ["write /made"]);
  assert.equal(files.text("/made"), "first\n");
  assert.deepEqual(await writes("{ echo a; echo b; } > made"), ["write /made"]);
  assert.equal(files.text("/made"), "a\nb\n");
  assert.deepEqual(await writes("cat dir/one dir/one | tee made > /dev/null"), ["write /made"]);
  assert.equal(files.text("/made"), "a\nb\nc\na\nb\nc\n");
  assert.deepEqual(await writes("echo d >> dir/one"), ["write /dir/one end"]);
  assert.equal(files.text("/dir/one"), "a\nb\nc\nd\n");
  assert.deepEqual(await writes("echo e >> made2; echo f >> made2"), [
    "write /made2",
    "write /made2 end",
  ]);
  assert.equal(files.text("/made2"), "e\nf\n");
  assert.deepEqual(await writes("cp dir/one copy && cat copy > /dev/null"), ["write /copy"]);
  assert.equal(files.text("/copy"), "a\nb\nc\nd\n");
  assert.deepEqual(await writes("printf XY | dd of=copy bs=1 seek=2 conv=notrunc status=none"), [
    "write /copy",
  ]);
  assert.equal(files.text("/copy"), "a\nXYc\nd\n");
  assert.deepEqual(await writes("truncate -s 3 copy"), ["write /copy"]);
  assert.equal(files.text("/copy"), "a\nX");
  assert.deepEqual(await writes("truncate -s 5 copy"), ["write /copy"]);
  assert.equal(files.text("/copy"), "a\nX\0\0");
  assert.deepEqual(await writes(": > copy; stat -c %s copy"), ["write /copy"]);
  assert.equal(files.text("/copy"), "");
  assert.deepEqual(await writes("touch touched; ls | grep touched; cat touched; touch touched"), [
    "write /touched",
  ]);
  assert.deepEqual(
    await writes("sed -i s/a/A/ dir/one").then((all) =>
      all.slice(-1).map((change) => change.replace(/sed\w+/, "sed")),
    ),
    ["rename /dir/sed /dir/one"],
  );
  assert.equal(files.text("/dir/one"), "A\nb\nc\nd\n");
  assert.deepEqual(
    await writes("exec 3<> hello; echo over >&3; exec 3>&-; cat hello | grep over"),
    ["write /hello"],
  );
  assert.deepEqual(
    await writes(
      'python3 -c \'import os\nf = os.open("py", os.O_CREAT | os.O_RDWR)\nos.write(f, b"one")\nos.fsync(f)\nos.fsync(f)\nassert os.fstat(f).st_size == 3\nassert os.pread(f, 9, 1) == b"ne"\nos.write(f, b"two")\nos.ftruncate(f, 5)\nos.close(f)\'',
    ),
    ["write /py", "write /py"],
  );
  assert.equal(files.text("/py"), "onetw");
  assert.deepEqual(problems, []);
});

void test(
  "names are made, moved and removed by mkdir, mv, rm, rmdir, ln and tar",
  { skip: SKIP },
  async (t) => {
    const files = some();
    const { sh, problems } = await mountedFor(t, files);
    const done = await sh(`
    set -e
    mkdir -p new/er; rmdir new/er; mv dir/one new/; cat new/one
    exec 3< new/one; mv new/one new/uno; cat <&3; exec 3<&-
    mv hello new/uno; cat new/uno; ls new
    mv -n status new/uno; ls
    mkdir x; mv x new/; mv new newer; ls newer
    rm -r newer
    mkdir t; (cd dir; tar c --mode=u=rwX,go= .) | tar x -C t; cat t/deep/two
    rm -rf t; ls t 2>/dev/null || echo gone
    echo log > log; mv log log.1; echo log2 > log; cp log log.1; cat log.1
    [ "$(stat -c %i log)" != "$(stat -c %i log.1)" ] && echo differ
    `);
    assert.equal(done.err, "");
    assert.deepEqual(done.out.split("\n"), [
      ..."a b c a b c hello uno by-name dir new status uno x b gone log2 differ".split(" "),
      "",
    ]);
    const refused = await sh(
      "ln -s a b; ln status hard; mkfifo pipe; chmod 1700 dir; chown 77 dir",
    );
    assert.equal(refused.code, 1);
    assert.equal(refused.err.match(/Operation not supported/g)?.length, 5, refused.err);
    assert.deepEqual(problems, []);
  },
);

void test(
  "a directory that names its own files takes each write as one of them",
  { skip: SKIP },
  async (t) => {
    const files = new MemoryFiles();
    const mail: string[] = [];
    const post = (data: Uint8Array): string => {
      mail.push(TEXT.decode(data));
      files.put(`/inbox/${mail.length}`, data, { access: "r" });
      return String(mail.length);
    };
    files.directory("/inbox", { post, limit: 1000 });
    const { sh, problems } = await mountedFor(t, files);
    const done = await sh(`
    echo hi > inbox/x
    echo copied > /tmp/$$; cp /tmp/$$ inbox/; cp /tmp/$$ inbox/named; mv /tmp/$$ inbox/moved
    echo teed | tee inbox/t
    exec 3> inbox/y; echo one >&3; echo two >&3; exec 3>&-
    (/bin/echo a; /bin/echo b) > inbox/z
    ls inbox; cat inbox/2; cat inbox/x
  `);
    assert.deepEqual(mail, [
      "hi\n",
      "copied\n",
      "copied\n",
      "copied\n",
      "teed\n",
      "one\n",
      "two\n",
      "a\n",
      "b\n",
    ]);
    assert.equal(done.out, "teed\n1\n2\n3\n4\n5\n6\n7\n8\n9\ncopied\n");
    assert.match(done.err, /inbox\/x: No such file/);
    assert.deepEqual(problems, []);
    const big = await sh("dd if=/dev/zero of=inbox/big bs=1M count=1000");
    assert.match(big.err, /File too large/);
    assert.doesNotMatch(big.err, /^[2-9]\d*\+0 records out/m, "early, not after all of it");
    assert.equal(mail.length, 9, "a part of it is not taken for all of it");
  },
);

void test("commands go to a file without a size each once", { skip: SKIP }, async (t) => {
  const files = new MemoryFiles();
  const heard: string[] = [];
  files.put("/ctl", "", { say: () => "help\n", hear: (data) => heard.push(TEXT.decode(data)) });
  const { sh } = await mountedFor(t, files);
  const done = await sh(`
    echo wake > ctl; echo tick >> ctl
    exec 3> ctl; echo pause >&3; echo resume >&3; exec 3>&-
    exec 4<> ctl; cat <&4; echo cancel >&4; cat <&4
  `);
  assert.deepEqual(heard, ["wake\n", "tick\n", "pause\n", "resume\n", "cancel\n"]);
  assert.equal(done.out, "help\n");
});

void test(
  "commands go to a file that says something else than was written each once",
  { skip: SKIP },
  async (t) => {
    const files = new MemoryFiles();
    const heard: string[] = [];
    files.put("/ctl", "all of the help\n", { hear: (data) => heard.push(TEXT.decode(data)) });
    files.put("/kept", "");
    const { sh, problems } = await mountedFor(t, files);
    const done = await sh(`
    echo wake > ctl; echo tick >> ctl
    exec 3> ctl; echo pause >&3; echo resume >&3; echo tick >&3; exec 3>&-
    (/bin/echo a; /bin/echo b) > ctl
    (/bin/echo a; /bin/echo b) > kept; cat kept
  `);
    assert.equal(done.err, "");
    assert.equal(done.out, "a\nb\n");
    assert.deepEqual(heard, ["wake\n", "tick\n", "pause\n", "resume\n", "tick\n", "a\n", "b\n"]);
    assert.deepEqual(problems, []);
  },
);

void test("a large file that is no ranged one is read in pieces", { skip: SKIP }, async (t) => {
  const files = new MemoryFiles();
  const large = new Uint8Array(40_000_000).map((_, index) => (index * 7) ^ (index >> 8));
  files.put("/large", large);
  const { sh } = await mountedFor(t, files);
  const sum = createHash("md5").update(large).digest("hex");
  const done = await sh(
    "cat large | md5sum; tail -c 5 large | od -An -tu1; dd if=large bs=1M skip=20 count=1 status=none | head -c 3 | od -An -tu1",
  );
  const shown = (from: number, count: number): string =>
    [...large.subarray(from, from + count)].map((byte) => String(byte).padStart(4)).join("");
  assert.deepEqual(done.out.split("\n"), [
    `${sum}  -`,
    shown(39_999_995, 5),
    shown(20 << 20, 3),
    "",
  ]);
  assert.ok(files.reads < 30, `${files.reads} reads`);
});

void test(
  "a ranged file is read and written in place, through the page cache",
  { skip: SKIP },
  async (t) => {
    const files = new MemoryFiles();
    const content = new Uint8Array(3_000_000).map((_, index) => index * 7);
    files.directory("/disk", { nature: "ranged" });
    files.put("/disk/image", content, { nature: "ranged" });
    const { sh, problems } = await mountedFor(t, files);
    const done = await sh(`
    set -e
    cat disk/image | md5sum; cp disk/image /tmp/$$; md5sum < /tmp/$$; rm /tmp/$$
    printf hello | dd of=disk/image bs=1 seek=1000000 conv=notrunc status=none
    dd if=disk/image bs=1 skip=999999 count=7 status=none | tail -c 6 | head -c 5
    truncate -s 1000005 disk/image; stat -c %s disk/image; tail -c 5 disk/image; echo
    echo end >> disk/image; tail -c 9 disk/image
    echo new > disk/made; echo more >> disk/made; cat disk/made
    python3 -c 'import mmap
with open("disk/made", "rb") as f: print(mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)[4:8])'
  `);
    assert.equal(done.err, "");
    const [sum, sum2, ...rest] = done.out.split("\n");
    assert.equal(sum, sum2);
    assert.deepEqual(rest, ["hello1000005", "hello", "helloend", "new", "more", "b'more'", ""]);
    // The content is another one: what the kernel keeps of it must not stand.
    files.put("/disk/made", "elsewhere\n", { nature: "ranged" });
    await until(async () => (await sh("cat disk/made")).out === "elsewhere\n");
    assert.ok(files.changes.includes("resize /disk/image 1000005"));
    assert.deepEqual(problems, []);
  },
);

void test(
  "a file that answers keeps each reader's question and answer apart",
  { skip: SKIP },
  async (t) => {
    const files = new MemoryFiles();
    const answer = (question: Uint8Array): Uint8Array =>
      new TextEncoder().encode(`signed ${TEXT.decode(question)}`);
    files.put("/sign", "", { nature: "exchange", answer, sizeless: true, limit: 100 });
    const { sh } = await mountedFor(t, files);
    const done = await sh(`
    exec 3<> sign; exec 4<> sign
    echo one >&3; echo two >&4
    cat <&4; cat <&3
    echo three >&3; cat <&3
    exec 3>&- 4>&-
    cat sign; grep -r signed .
    python3 -c 'import os
f = os.open("sign", os.O_RDWR)
os.write(f, b"py")
print(os.pread(f, 5, 0), os.pread(f, 100, 5), os.pread(f, 100, 9))'
    for i in 1 2 3 4 5 6 7 8; do (exec 3<> sign; echo $i >&3; cat <&3) & done | sort; wait
    echo thrown > sign
  `);
    assert.equal(done.err, "");
    const many = [1, 2, 3, 4, 5, 6, 7, 8].map((index) => `signed ${index}`);
    assert.deepEqual(done.out.split("\n"), [
      "signed two",
      "signed one",
      "signed three",
      "b'signe' b'd py' b''",
      ...many,
      "",
    ]);
    assert.equal(files.changes.filter((change) => change === "exchange /sign").length, 13);
    const big = await sh("exec 3<> sign; head -c 200 /dev/zero >&3");
    assert.match(big.err, /File too large/);
  },
);

void test(
  "a read of a stream waits for what comes; each open has its own place",
  { skip: SKIP },
  async (t) => {
    const files = new MemoryFiles();
    files.put("/live", "", { nature: "stream", sizeless: true, access: "r" });
    files.put("/kept", "old\n", { nature: "stream", access: "r" });
    const { sh, mount } = await mountedFor(t, files);
    const first = sh("head -n 2 live");
    const second = sh("timeout 20 cat live | head -n 3");
    await until(() => files.followers("/live") === 2);
    files.feed("/live", "a\n");
    files.feed("/live", "b\n");
    assert.equal((await first).out, "a\nb\n");
    files.feed("/live", "c\n");
    files.feed("/live", "d\n");
    assert.equal((await second).out, "a\nb\nc\n");
    const kept = sh("head -n 2 kept");
    const tail = sh("timeout 20 tail -f -n 5 kept | head -n 2");
    await until(() => files.followers("/kept") === 2);
    files.feed("/kept", "new\n");
    assert.equal((await kept).out, "old\nnew\n");
    assert.equal((await tail).out, "old\nnew\n");
    // What does not want to wait sees what there is.
    assert.equal((await sh("grep -r old .")).out, "./kept:old\n");
    const polled = sh(
      "python3 -c 'import select, os\nf = os.open(\"live\", os.O_RDONLY)\np = select.poll()\np.register(f, select.POLLIN)\nprint(p.poll(10))\nprint(p.poll(10000)[0][1], os.read(f, 100))'",
    );
    await until(() => files.followers("/live") > 0);
    await new Promise((resolve) => {
      setTimeout(resolve, 200);
    });
    files.feed("/live", "polled\n");
    assert.equal((await polled).out, "[]\n1 b'polled\\n'\n");
    await mount.unmount();
    await until(() => files.followers("/live") === 0 && files.followers("/kept") === 0);
  },
);

void test(
  "tail -f sees a plain file grow, and a change made elsewhere is seen at once",
  { skip: SKIP },
  async (t) => {
    const files = new MemoryFiles();
    files.put("/log", "one\n");
    const { sh } = await mountedFor(t, files);
    const tail = sh("timeout 20 tail -n 1 -s 0.1 -f log | head -n 3");
    await until(() => files.reads > 0);
    await files.write("/log", new TextEncoder().encode("two\n"), { at: "end" });
    await until(() => files.reads > 1);
    await sh("echo three >> log");
    assert.equal((await tail).out, "one\ntwo\nthree\n");
    // Whatever the kernel keeps, it is told.
    await sh("stat log");
    const size = sh(
      "for i in $(seq 200); do [ $(stat -c %s log) = 3 ] && break; done; stat -c %s log",
    );
    files.put("/log", "new");
    assert.equal((await size).out, "3\n");
  },
);

void test("a directory of 100,000 entries is listed in pages", { skip: SKIP }, async (t) => {
  const files = new MemoryFiles();
  files.directory("/many");
  for (let index = 0; index < 100_000; index += 1) files.put(`/many/${index}`, "");
  const { sh } = await mountedFor(t, files);
  const done = await sh(
    "ls many | sort -n | md5sum; seq 0 99999 | md5sum; ls -f many | wc -l; find many -name 99998",
  );
  const [listed, expected, count, found] = done.out.split("\n");
  assert.equal(listed, expected);
  assert.equal(count, "100002");
  assert.equal(found, "many/99998");
});

void test(
  "names that are none are left out of listings, and strange ones are kept",
  { skip: SKIP },
  async (t) => {
    const files = new MemoryFiles();
    for (const name of ["a b", "ümläut", "\u{1f600}", "-", "'\"", "x".repeat(255)])
      files.put(`/${name}`, name);
    for (const name of ["..", "x".repeat(256), "\ud800", "nul\0"]) files.put(`/${name}`, "");
    const { sh } = await mountedFor(t, files);
    const done = await sh(
      "ls -1 | wc -l; cat ümläut; for f in *; do cat \"./$f\" > /dev/null || echo bad; done; touch $'\\xff'",
    );
    assert.equal(done.out, "6\nümläut");
    assert.match(done.err, /Invalid argument/);
  },
);

void test("a mount that is read-only refuses every change", { skip: SKIP }, async (t) => {
  const files = some();
  const { sh } = await mountedFor(t, files, { readOnly: true });
  const done = await sh(
    "echo x > hello; echo x > new; mkdir m; rm hello; mv hello x; touch -c hello; truncate -s 0 hello; cat hello",
  );
  assert.equal(done.err.match(/Read-only file system/g)?.length, 7, done.err);
  assert.equal(done.out, "hello\n");
  assert.deepEqual(files.changes, []);
});

void test(
  "what was removed while open is not there again when it is closed",
  { skip: SKIP },
  async (t) => {
    const files = some();
    const { sh, problems } = await mountedFor(t, files);
    const done = await sh(`
    exec 3> hello; echo a >&3; rm hello; echo b >&3; exec 3>&-
    exec 3> new; echo a >&3; rm new; echo b >&3; exec 3>&-
    exec 3> dir/new; echo moved >&3; mv dir/new dir/elsewhere; exec 3>&-
    python3 -c 'import os
f = open("py", "w"); f.write("unflushed"); os.unlink("py"); f.close()
f = open("py", "w"); f.write("moved first"); os.rename("py", "py2"); f.close()'
    ls; ls dir; cat py2`);
    assert.equal(done.err, "");
    assert.equal(done.out, "by-name\ndir\npy2\nstatus\ndeep\nelsewhere\none\nmoved first");
    assert.deepEqual(problems, []);
  },
);

void test(
  "processes that write the same file at once do not interleave",
  { skip: SKIP },
  async (t) => {
    const files = some();
    const { sh } = await mountedFor(t, files);
    const done = await sh(`
    for letter in a b c d; do
      for i in 1 2 3 4 5; do
        head -c 300000 /dev/zero | tr '\\0' $letter | dd of=hello bs=7000 status=none
      done &
    done
    for i in $(seq 20); do fold -w 1 < hello | sort | uniq -c | wc -l; done | sort -u
    wait; wc -c < hello; fold -w 1 < hello | sort -u | wc -l`);
    assert.equal(done.err, "");
    assert.match(done.out, /300000\n1\n$/);
    // hello\n, before the first was done, has four letters.
    assert.match(done.out, /^(?:1\n)?(?:4\n)?300000\n/);
  },
);
