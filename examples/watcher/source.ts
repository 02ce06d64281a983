import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { parseFeed } from "./feed.ts";
import type { Entry } from "./feed.ts";

/** The newest entries of a source, the newest first: a feed's address, or the path of a repository. */
export async function readSource(source: string, signal: AbortSignal): Promise<Entry[]> {
  const read = /^https?:/.test(source) ? fetchFeed : commits;
  const entries = await read(source, signal);
  return entries.slice(0, 50);
}

async function fetchFeed(url: string, signal: AbortSignal): Promise<Entry[]> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(30_000)]);
  const response = await fetch(url, { signal: patience });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return parseFeed(await response.text());
}

async function commits(path: string, signal: AbortSignal): Promise<Entry[]> {
  const args = ["-C", path, "log", "--max-count=50", "--format=%H %s"];
  const { stdout } = await promisify(execFile)("git", args, { signal });
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [id = ""] = line.split(" ", 1);
      return { id, title: line.slice(id.length + 1), link: `${path}@${id.slice(0, 10)}` };
    });
}
