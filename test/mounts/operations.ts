// A process that tries operations on files below a directory, and says how each ended: the name of the
// error, or what was given. It is told of them as JSON: `[[operation, path, ...more], …]`.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";

type Operation = readonly [string, string, ...unknown[]];

const asked = JSON.parse(process.argv[2] ?? "[]") as readonly Operation[];

/** Where `{ bytes }` stands in the place of a path, it is one that is no text. */
function pathOf(path: unknown): fs.PathLike {
  return typeof path === "string" ? path : Buffer.from(path as readonly number[]);
}

function open(path: fs.PathLike, flags: string): "ok" {
  const names = fs.constants as Readonly<Record<string, number>>;
  const bits = flags.split("|").reduce((all, flag) => all | (names[flag] ?? 0), 0);
  fs.closeSync(fs.openSync(path, bits, 0o644));
  return "ok";
}

function writeAt(path: fs.PathLike, position: number): "ok" {
  const fd = fs.openSync(path, "r+");
  try {
    fs.writeSync(fd, "x", position);
  } finally {
    fs.closeSync(fd);
  }
  return "ok";
}

/** What Node has no call for, with a program that has. */
function program(...[command, ...args]: readonly string[]): string {
  try {
    execFileSync(command!, args, {
      stdio: "pipe",
      env: { ...process.env, LC_ALL: "C" },
      timeout: 10_000,
    });
    return "ok";
  } catch (error) {
    const { stderr, code } = error as { stderr?: Buffer; code?: string };
    return stderr === undefined
      ? String(code)
      : `${/[^:]*$/.exec(String(stderr).trim())?.[0].trim()}`;
  }
}

function attempt([operation, first, ...more]: Operation): unknown {
  const path = pathOf(first);
  const [a, b] = more;
  switch (operation) {
    case "open":
      return open(path, String(a));
    case "read":
      return String(fs.readFileSync(path));
    case "write":
      return fs.writeFileSync(path, String(a)) ?? "ok";
    case "writeAt":
      return writeAt(path, Number(a));
    case "mkdir":
      return fs.mkdirSync(path) ?? "ok";
    case "rmdir":
      return fs.rmdirSync(path) ?? "ok";
    case "unlink":
      return fs.unlinkSync(path) ?? "ok";
    case "rename":
      return fs.renameSync(path, pathOf(a)) ?? "ok";
    case "link":
      return fs.linkSync(path, pathOf(a)) ?? "ok";
    case "symlink":
      return fs.symlinkSync(String(a), path) ?? "ok";
    case "readlink":
      return fs.readlinkSync(path);
    case "chmod":
      return fs.chmodSync(path, Number(a)) ?? "ok";
    case "chown":
      return fs.chownSync(path, Number(a), Number(b)) ?? "ok";
    case "truncate":
      return fs.truncateSync(path, Number(a)) ?? "ok";
    case "utimes":
      return fs.utimesSync(path, 1, 1) ?? "ok";
    case "list":
      return fs.readdirSync(path).length;
    case "stat":
      return fs.lstatSync(path).isDirectory() ? "directory" : "file";
    case "program":
      return program(String(first), ...more.map(String));
    default:
      throw new Error(`There is no operation ${operation}`);
  }
}

const ended = asked.map((operation) => {
  try {
    return attempt(operation);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
});
process.stdout.write(JSON.stringify(ended));
