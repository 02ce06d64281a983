import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  EVENT_TYPES,
  checkPatterns,
  eventsOf,
  isWanted,
} from "../../../src/control/webhooks/events.ts";
import { checkTarget } from "../../../src/control/webhooks/subscription.ts";
import { OpenAgentsError } from "../../../src/index.ts";
import { ADA, START, tickOf } from "./setting.ts";

const all = (): boolean => true;
const short = (type: string): string => type.replace(/^dev\.openagents\./, "");

void test("eventsOf() gives the events of a tick as CloudEvents, with ids that are always the same", () => {
  const tick = tickOf(7, {
    record: {
      outcome: "failed",
      attempt: 4,
      error: { code: "FAILED", message: "no" },
      status: "quarantined",
      wrote: { "state/count": "x", "meta/version": "y" },
      removed: ["state/old", "journal/a/"],
    },
    output: {
      events: [
        { name: "order.created", data: { id: 1 } },
        { name: "done", data: null },
      ],
      replies: [{ to: "operator", replyTo: "m-7", payload: "hi" }],
      logs: [{ at: 1, level: "info", text: "never sent" }],
    },
  });
  const events = eventsOf(tick, all);
  assert.deepEqual(eventsOf(tick, all), events);
  assert.deepEqual(
    events.map(({ id, type }) => [id.replace(ADA, "A"), short(type)]),
    [
      ["A:7:event-0", "agent.event.order.created"],
      ["A:7:event-1", "agent.event.done"],
      ["A:7:reply-0", "agent.reply"],
      ["A:7:state", "agent.state_change"],
      ["A:7:status", "agent.status.quarantined"],
      ["A:7:deadletter", "agent.deadletter"],
      ["A:7:tick", "agent.tick.failed"],
    ],
  );
  assert.deepEqual(events[0], {
    specversion: "1.0",
    id: `${ADA}:7:event-0`,
    source: `/agents/${ADA}`,
    type: "dev.openagents.agent.event.order.created",
    subject: "ada",
    time: new Date(START + 8).toISOString(),
    datacontenttype: "application/json",
    data: { n: 7, agent: "ada", type: "greeter", name: "order.created", data: { id: 1 } },
  });
  assert.deepEqual((events[3]!.data as { changed: unknown }).changed, ["count"]);
  assert.ok(!JSON.stringify(events).includes("never sent"));
  for (const { type } of events) {
    assert.ok(
      Object.keys(EVENT_TYPES).some((known) => isWanted([known], short(type))),
      `${type} is in the table`,
    );
  }
});

void test("eventsOf() leaves data out that is too large, and says where it is", () => {
  const data = "x".repeat(262_144);
  const [event] = eventsOf(tickOf(3, { output: { events: [{ name: "big", data }] } }), (type) =>
    type.startsWith("agent.event"),
  );
  assert.equal(event!.data, undefined);
  assert.equal(event!.dataref, `/agents/${ADA}/ticks/3`);
});

void test("patterns mean a type, all below one, or all", () => {
  assert.ok(isWanted(["agent.tick.failed"], "agent.tick.failed"));
  assert.ok(!isWanted(["agent.tick.failed"], "agent.tick.done"));
  assert.ok(isWanted(["agent.event.*"], "agent.event.order.created"));
  assert.ok(isWanted(["agent.event.order.*"], "agent.event.order.created"));
  assert.ok(!isWanted(["agent.event.order.*"], "agent.event.ordering"));
  assert.ok(isWanted(["agent.*"], "agent.reply"));
  assert.ok(isWanted(["*"], "agent.reply"));
  const good = [
    "*",
    "agent.*",
    "agent.tick.*",
    "agent.tick.done",
    "agent.event.a b",
    "agent.reply",
  ];
  assert.deepEqual(checkPatterns(good), good);
  assert.deepEqual(checkPatterns(["dev.openagents.agent.reply"]), ["agent.reply"]);
  for (const bad of [
    [],
    ["agent"],
    ["agent.tik.*"],
    ["agent.tick"],
    ["agent.tick*"],
    ["*.failed"],
    ["agent.*.failed"],
    ["agent.event."],
    ["agent.event.*.*"],
    ["agent.reply.*"],
    [""],
    ["agent.event.a\nb"],
    ["agent.event." + "x".repeat(200)],
    Array.from({ length: 51 }, () => "*"),
  ]) {
    assert.throws(() => checkPatterns(bad), OpenAgentsError, JSON.stringify(bad));
  }
});

void test("checkTarget() takes public addresses over https alone", () => {
  for (const url of [
    "https://example.com/a?b=c",
    "https://EXAMPLE.com:8443/",
    "https://93.184.216.34/x",
    "https://[2606:2800:220:1:248:1893:25c8:1946]/",
  ]) {
    assert.equal(checkTarget(url, false), new URL(url).href);
  }
  assert.equal(checkTarget("https://example.com/a#b", false), "https://example.com/a");
  for (const url of [
    "http://example.com",
    "ftp://example.com",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "example.com",
    "https://user:pass@example.com",
    "https://user@example.com",
    `https://example.com/${"a".repeat(2000)}`,
    5,
    undefined,
  ]) {
    assert.throws(() => checkTarget(url, false), { code: "INVALID" }, String(url));
  }
  assert.equal(checkTarget("http://127.0.0.1:1/x", true), "http://127.0.0.1:1/x");
});

/** Where nobody else's request may go: loopback, link-local (and the metadata there), private, and more. */
const PRIVATE: readonly (readonly [first: string, bits: number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];

const privateAddress = fc
  .tuple(fc.constantFrom(...PRIVATE), fc.nat(2 ** 32 - 1))
  .map(([[first, bits], random]) => {
    const base = first.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
    return base + (random % 2 ** (32 - bits));
  });

/** The ways in which the parser of URLs lets an IPv4 address be written, and those of IPv6 that hold one. */
const WAYS: readonly ((parts: readonly number[], whole: number) => string)[] = [
  (parts) => parts.join("."),
  (parts) => `${parts.join(".")}.`,
  (_, whole) => String(whole),
  (_, whole) => `0x${whole.toString(16)}`,
  (_, whole) => `0${whole.toString(8)}`,
  (parts) => parts.map((part) => `0x${part.toString(16)}`).join("."),
  (parts) => parts.map((part) => `00${part.toString(8)}`).join("."),
  ([a, b, c, d]) => `${a}.${b}.${c! * 256 + d!}`,
  ([a, b, c, d]) => `${a}.0x${(b! * 65_536 + c! * 256 + d!).toString(16)}`,
  (parts) => parts.join(".").replace(/\d/g, (digit) => String.fromCharCode(0xff10 + Number(digit))),
  (parts) => parts.join("%2e"),
  (parts) => `[::ffff:${parts.join(".")}]`,
  (parts) => `[::${parts.join(".")}]`,
  (parts) => `[64:ff9b::${parts.join(".")}]`,
  ([a, b, c, d]) => `[2002:${(a! * 256 + b!).toString(16)}:${(c! * 256 + d!).toString(16)}::1]`,
  ([a, b, c, d]) =>
    `[0:0:0:0:0:FFFF:${(a! * 256 + b!).toString(16)}:${(c! * 256 + d!).toString(16)}]`,
];

void test("checkTarget() refuses every private address, however it is written", () => {
  fc.assert(
    fc.property(privateAddress, fc.constantFrom(...WAYS), (whole, write) => {
      const parts = [24, 16, 8, 0].map((shift) => Math.floor(whole / 2 ** shift) % 256);
      const url = `https://${write(parts, whole)}/x`;
      assert.throws(() => checkTarget(url, false), OpenAgentsError, url);
    }),
    { numRuns: 2000 },
  );
  for (const host of [
    "localhost",
    "LOCALHOST.",
    "a.localhost",
    "router",
    "printer.local",
    "metadata.google.internal",
    "db.internal",
    "[::1]",
    "[::]",
    "[fe80::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[2001::1]",
    "[::ffff:7f00:1]",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "127.1",
    "0",
    "127。0。0。1",
  ]) {
    assert.throws(() => checkTarget(`https://${host}/`, false), { code: "DENIED" }, host);
  }
});
