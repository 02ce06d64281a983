import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { HTTP_STATUS } from "../../src/control/http-status.ts";
import { FileError, isErrno } from "../../src/core/file-error.ts";
import { CONFIG, PACKAGE, project } from "../cli/project.ts";

const PAGE = readFileSync(join(PACKAGE, "docs/files.md"), "utf8");
const SKIP = spawnSync("curl", ["--version"]).status === 0 ? false : "there is no curl";

/** What the requests of the page are answered with that are not 200, by what is in them. */
const ANSWERS: readonly (readonly [part: string, status: string])[] = [
  ["note.txt -T", "201"],
  ["/inbox -d", "201"],
  ["/goals/greet", "201"],
  ["notes/ -X PUT", "201"],
  ["?to=", "204"],
  ["-r -1000", "206"],
  // The tag is that of another state.
  ["If-Match", "412"],
];

void test("the requests of docs/files.md do what the page says", { skip: SKIP }, async () => {
  await using p = project(CONFIG);
  const daemon = await p.start();
  p.write("note.txt", "A note\n");
  const requests = [...PAGE.matchAll(/^curl .*$/gm)].map(([line]) =>
    line.replace(/ +# .*$/, "").replace(/ \| grep .*$/, ""),
  );
  assert.ok(requests.length > 10, String(requests.length));
  for (const request of requests) {
    const script = [
      `URL=${daemon.url}`,
      `AUTH="Authorization: Bearer $(cat ${join(p.data, "token")})"`,
      "TREE=$URL/fs/agents/greeter",
      // What goes on is left after a moment.
      `${request} -s -S -m 2 -o answer -w '%{http_code}'`,
    ].join("\n");
    const { stdout, stderr } = spawnSync("sh", ["-c", script], { cwd: p.dir, encoding: "utf8" });
    const [, wanted = "200"] = ANSWERS.find(([part]) => request.includes(part)) ?? [];
    assert.equal(stdout, wanted, `${request}\n${stderr}`);
  }
});

void test("docs/files.md says of each errno which code and status it has", () => {
  const names = [...PAGE.matchAll(/`(E[A-Z]{2,})`/g)].map(([, name]) => name);
  const errnos = [...new Set(names)].filter(isErrno);
  assert.ok(errnos.length >= 20, errnos.join(" "));
  const rows = PAGE.slice(PAGE.indexOf("| errno ")).split("\n");
  for (const errno of errnos) {
    const { code } = new FileError(errno, "");
    const row = rows.find((line) => line.startsWith("|") && line.includes(`\`${errno}\``));
    assert.ok(row?.includes(`\`${code}\`, ${HTTP_STATUS[code]} `), `${errno}: ${row}`);
  }
});
