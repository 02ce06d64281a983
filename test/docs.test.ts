import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { createRuntime, defineAgent, defineRuntime } from "../src/index.ts";
import type { LogRow } from "../src/index.ts";
import { memoryStore } from "../src/stores/memory.ts";
import { fakeSigner } from "../src/testing/index.ts";
import { linkPackage, PACKAGE } from "./cli/project.ts";

/** What a snippet that imports nothing may use as if it had imported it. */
const PREAMBLE = [
  "defineAgent",
  "defineRuntime",
  "OpenAgentsError",
  "RetryableError",
  "TerminalError",
].join(", ");

const DOCUMENTS = [
  ...readdirSync(PACKAGE).filter((name) => name.endsWith(".md")),
  ...readdirSync(join(PACKAGE, "docs")).map((name) => `docs/${name}`),
];

/** The fenced blocks of a language in a document, each with the line it begins on. */
function blocks(document: string, language: string): { readonly line: number; code: string }[] {
  const found: { line: number; code: string }[] = [];
  let inside = false;
  for (const [i, line] of readFileSync(join(PACKAGE, document), "utf8").split("\n").entries()) {
    if (inside && line !== "```") found.at(-1)!.code += `${line}\n`;
    else if (inside) inside = false;
    else if (line === `\`\`\`${language}`) {
      inside = true;
      found.push({ line: i + 2, code: "" });
    }
  }
  return found;
}

void test("the TypeScript in the documents compiles and runs", () => {
  const dir = mkdtempSync(join(tmpdir(), "openagents-docs-"));
  try {
    linkPackage(dir);
    mkdirSync(join(dir, "node_modules", "@types"));
    symlinkSync(join(PACKAGE, "node_modules/@types/node"), join(dir, "node_modules/@types/node"));
    symlinkSync(join(PACKAGE, "node_modules/zod"), join(dir, "node_modules/zod"));
    writeFileSync(join(dir, "package.json"), '{ "type": "module" }');
    const files = DOCUMENTS.flatMap((document) =>
      blocks(document, "ts").map(({ line, code }) => {
        const name = `${document.replaceAll(/\W+/g, "-")}-line-${line}.ts`;
        const head = `import { ${PREAMBLE} } from "@openagents/runtime";\n`;
        writeFileSync(join(dir, name), code.startsWith("import ") ? code : head + code);
        return name;
      }),
    );
    assert.ok(files.length > 10, `only ${files.length} snippets were found`);
    const config = JSON.parse(readFileSync(join(PACKAGE, "tsconfig.json"), "utf8")) as {
      compilerOptions: object;
    };
    const compilerOptions = { ...config.compilerOptions, noUnusedLocals: false };
    writeFileSync(join(dir, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
    const run = (...args: string[]): void => {
      const { status, stdout, stderr } = spawnSync(process.execPath, args, {
        cwd: dir,
        encoding: "utf8",
      });
      assert.equal(status, 0, stdout + stderr);
    };
    run(join(PACKAGE, "node_modules/typescript/bin/tsc"), "-p", ".");
    run("--input-type=module", "-e", files.map((name) => `await import("./${name}");`).join("\n"));
  } finally {
    rmSync(dir, { recursive: true });
  }
});

void test("the links in the documents lead somewhere", () => {
  const broken = DOCUMENTS.flatMap((document) => {
    const text = readFileSync(join(PACKAGE, document), "utf8").replaceAll(/```[^]*?```/g, "");
    return [...text.matchAll(/\]\((?!https?:)([^)\s]*)\)/g)]
      .map(([, link = ""]) => link)
      .filter((link) => {
        const [path = "", heading] = link.split("#");
        const target = path === "" ? document : join(dirname(document), path);
        if (!existsSync(join(PACKAGE, target))) return true;
        return heading !== undefined && !headings(target).includes(heading);
      })
      .map((link) => `${document}: ${link}`);
  });
  assert.deepEqual(broken, []);
});

/** The anchors that a document's headings have on the web. */
function headings(document: string): string[] {
  const lines = readFileSync(join(PACKAGE, document), "utf8").split("\n");
  return lines
    .filter((line) => line.startsWith("#"))
    .map((line) => line.replace(/^#+ /, "").toLowerCase())
    .map((title) => title.replaceAll(/[^\w\- ]/g, "").replaceAll(" ", "-"));
}

void test("the files that the documents name are there", () => {
  const missing = DOCUMENTS.flatMap((document) => {
    const text = readFileSync(join(PACKAGE, document), "utf8");
    const named = [...text.matchAll(/`((?:src|test|examples|bench|docs)\/[\w./-]+)`/g)];
    return named
      .map(([, path = ""]) => path)
      .filter((path) => !path.includes("NAME") && !existsSync(join(PACKAGE, path)))
      .map((path) => `${document}: ${path}`);
  });
  assert.deepEqual(missing, []);
});

void test("the check by hand in ARCHITECTURE.md finds the record that is wrong", async () => {
  const agent = defineAgent({ name: "a", onMessage: (ctx, { text }) => ctx.reply(text) });
  const definition = defineRuntime({ agents: [agent], ensure: [{ name: "a", type: "a" }] });
  const runtime = createRuntime({ definition, store: memoryStore(), signer: fakeSigner() });
  await runtime.start();
  for (const payload of ["one", "two", "three"]) {
    await runtime.ask("a", { payload }, { timeout: 60_000 });
  }
  const rows = await runtime.log("a", 0, 10);
  await runtime.stop();
  const [{ code } = { code: "" }] = blocks("ARCHITECTURE.md", "js");
  const check = (lines: readonly object[]): string => {
    const input = lines.map((line) => JSON.stringify(line)).join("\n");
    return spawnSync(process.execPath, ["-e", code], { input, encoding: "utf8" }).stdout;
  };
  assert.equal(check(rows), "1 good\n2 good\n3 good\n4 good\n");
  const [first, second, third, fourth] = rows as [LogRow, LogRow, LogRow, LogRow];
  const forged = { ...second, output: second.output?.replace("one", "two") };
  assert.equal(check([first, forged, third]), "1 good\n2 BROKEN\n3 good\n");
  assert.equal(check([first, third, fourth]), "1 good\n3 BROKEN\n4 good\n");
});
