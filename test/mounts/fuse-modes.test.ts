import assert from "node:assert/strict";
import { test } from "node:test";

import { MemoryFiles } from "./memory-files.ts";
import { mountedFor, SKIP } from "./mounted.ts";

/** A directory elsewhere, with a file that runs and one in a directory, in `$out`. */
const ELSEWHERE = `
out=$(mktemp -d); trap 'rm -r "$out"' EXIT
mkdir "$out/tree"; echo run > "$out/tree/run"; chmod 755 "$out/tree/run" "$out/tree"
echo secret > "$out/tree/secret"; chmod 400 "$out/tree/secret"
`;

for (const nature of [undefined, "ranged"] as const) {
  const what = nature === undefined ? "written as a whole" : "ranged";

  void test(
    `what keeps modes works where there are none, with files ${what}`,
    { skip: SKIP },
    async (t) => {
      const files = new MemoryFiles();
      files.directory("/dir", { nature });
      const { sh, problems } = await mountedFor(t, files);
      for (const script of [
        'cp -p "$out/tree/run" dir/kept',
        'cp -a "$out/tree" dir/copy',
        'install -m 755 "$out/tree/run" dir/installed',
        "install -d -m 700 dir/made",
        'tar c -C "$out" tree | tar x -C dir',
        'tar c -C "$out" tree | tar xp -C dir',
        'cp -r "$out/tree" "$out/moved"; mv "$out/moved" dir/moved',
        "chmod +x dir/kept; chmod -R u+rwX,go-rwx dir; chmod 444 dir/kept",
      ]) {
        const { code, err } = await sh(ELSEWHERE + script);
        assert.deepEqual([code, err], [0, ""], script);
      }
      for (const path of ["kept", "copy/run", "installed", "tree/run", "moved/run"]) {
        assert.equal(files.text(`/dir/${path}`), "run\n");
      }
      assert.equal((await sh("stat -c %a dir/kept dir/copy")).out, "600\n700\n");
      // What would give rights to others.
      for (const script of [
        "chmod u+s dir/kept",
        "chmod g+s dir",
        "chmod +t dir",
        "chown 5 dir/kept",
        "chgrp 5 dir/kept",
      ]) {
        const { code, err } = await sh(script);
        assert.match(err, /Operation not (?:permitted|supported)/, script);
        assert.equal(code, 1, script);
      }
      assert.deepEqual(problems, []);
    },
  );
}

void test(
  "a link that leads nowhere that is told may not be followed",
  { skip: SKIP },
  async (t) => {
    const files = new MemoryFiles();
    files.put("/out", "", { kind: "link" });
    const { sh, problems } = await mountedFor(t, files);
    for (const script of ["ls -l out", "cat out", "readlink -v out"]) {
      assert.match((await sh(script)).err, /Permission denied/, script);
    }
    assert.deepEqual(problems, []);
  },
);
