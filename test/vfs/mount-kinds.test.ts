import assert from "node:assert/strict";
import { test } from "node:test";
import { errnoOf } from "../../src/core/file-error.ts";
import type { MountKind } from "../../src/vfs/mount-kind.ts";
import { mountKinds } from "../../src/vfs/mount-kinds.ts";
import { agentRecord } from "./agent-record.ts";
import { bytes, text } from "./content.ts";
import { newScratch } from "./fixtures.ts";

/** The kind `union` of a home that knows the kind `place` beside the usual ones. */
function unionOf(place: MountKind): MountKind {
  const nobody = async (): Promise<never> => {
    throw new Error("nobody is asked");
  };
  const clock = { now: () => 1 };
  return mountKinds({ clock, http: { fetcher: nobody }, agent: nobody, own: { place } })["union"]!;
}

const at = { agent: agentRecord("a"), path: "/fs/u" };

void test("the kind union puts sources together, of which the first goes before", async () => {
  const places = { one: newScratch(), "two:2": newScratch() };
  await places.one.write("/a", bytes("one"));
  await places["two:2"].write("/a", bytes("two"));
  await places["two:2"].write("/b", bytes("two"));
  const place: MountKind = (source) => places[source as keyof typeof places];
  const files = unionOf(place)("place:one  place:two:2", at);
  assert.equal(await text(files, "/a"), "one");
  assert.equal(await text(files, "/b"), "two");
});

void test("the kind union takes two sources or more, of kinds that there are", () => {
  const kind = unionOf(() => newScratch());
  for (const source of [
    "",
    "place:a",
    "place:a b",
    "place:a union:x",
    "place:a none:b",
    "place:a toString:b",
  ]) {
    assert.throws(
      () => kind(source, at),
      (error) => errnoOf(error) === "EINVAL",
      source,
    );
  }
});
