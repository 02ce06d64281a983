import assert from "node:assert/strict";
import { test } from "node:test";

import { FileError } from "../../src/core/file-error.ts";
import { MemoryFiles } from "./memory-files.ts";
import { mountedFor, SKIP } from "./mounted.ts";

/** A file of commands that knows only `go` and `stop`, and what it was told. */
function commanded(): { readonly files: MemoryFiles; readonly heard: string[] } {
  const files = new MemoryFiles();
  const heard: string[] = [];
  files.put("/ctl", "go\nstop\n", {
    nature: "commands",
    limit: 100,
    hear(data) {
      const text = new TextDecoder().decode(data);
      if (!/^(?:(?:go|stop)\n?)+$/.test(text)) throw new FileError("EINVAL", "no such command");
      heard.push(text);
    },
  });
  return { files, heard };
}

void test(
  "a write of whole lines hands commands over and says their error",
  { skip: SKIP },
  async (t) => {
    const { files, heard } = commanded();
    const { sh, problems } = await mountedFor(t, files);
    // The builtins of a shell say nothing of an error of close(2).
    for (const script of [
      "echo bogus > ctl",
      "echo bogus >> ctl",
      "printf 'bogus\\n' > ctl",
      "echo bogus | tee ctl > /dev/null",
      "echo bogus | dd of=ctl status=none",
      "echo bogus > /tmp/$$; cp /tmp/$$ ctl; code=$?; rm /tmp/$$; exit $code",
    ]) {
      const { code, err } = await sh(script);
      assert.match(err, /Invalid argument/, script);
      assert.equal(code, 1, script);
    }
    assert.deepEqual(heard, []);
    const said = async (script: string): Promise<string[]> => {
      const { code, err } = await sh(script);
      assert.deepEqual([code, err], [0, ""], script);
      return heard.splice(0);
    };
    assert.deepEqual(await said("echo go > ctl"), ["go\n"]);
    assert.deepEqual(await said("echo go >> ctl"), ["go\n"]);
    assert.deepEqual(await said("env printf 'go\\nstop\\n' > ctl"), ["go\nstop\n"]);
    assert.deepEqual(await said("{ echo go; echo stop; } > ctl"), ["go\n", "stop\n"]);
    // What ends with no line end is handed over when it is closed.
    assert.deepEqual(await said("printf go > ctl"), ["go"]);
    assert.deepEqual(await said(": > ctl; truncate -s 0 ctl; truncate -s 3 ctl"), []);
    assert.equal((await sh("cat ctl")).out, "go\nstop\n");
    assert.deepEqual(problems, []);
  },
);

void test(
  "commands that are written go over once, whatever else is done with the file",
  { skip: SKIP },
  async (t) => {
    const { files, heard } = commanded();
    const { sh } = await mountedFor(t, files);
    const { out, err } = await sh(`python3 - <<'END'
import os
f = os.open("ctl", os.O_RDWR)
print(os.pread(f, 100, 0))
os.write(f, b"go\\n")
print(os.pread(f, 100, 0), os.fstat(f).st_size)
os.write(f, b"stop")
os.fsync(f)
try: os.write(f, b"what\\n")
except OSError as e: print(e.errno)
os.write(f, b"st")
os.write(f, b"op\\n")
try: os.write(f, b"go\\n" * 50)
except OSError as e: print(e.errno)
os.write(f, b"go\\n")
os.write(f, b"nothing of it")
os.ftruncate(f, 0)
os.close(f)
END`);
    assert.equal(err, "");
    assert.equal(out, "b'go\\nstop\\n'\nb'go\\nstop\\n' 8\n22\n27\n");
    assert.deepEqual(heard, ["go\n", "stop", "stop\n", "go\n"]);
  },
);
