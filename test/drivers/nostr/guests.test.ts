import assert from "node:assert/strict";
import { test } from "node:test";
import { isPublicAddress, isPublicRelay } from "../../../src/drivers/nostr.ts";

void test("isPublicRelay() is true for hosts of the public internet that encrypt, and no others", () => {
  const open = ["wss://relay.example.com", "wss://8.8.8.8:4443/x", "wss://[2606:4700::1111]"];
  for (const url of open) assert.equal(isPublicRelay(url), true, url);
  const inner = [
    "ws://relay.example.com",
    "https://relay.example.com",
    "wss://localhost",
    "wss://localhost.:8080",
    "wss://a.localhost",
    "wss://printer",
    "wss://nas.local",
    "wss://db.internal",
    "wss://router.home.arpa",
    "wss://127.0.0.1",
    "wss://127.1",
    "wss://2130706433",
    "wss://0x7f.0.0.1",
    "wss://0177.0.0.1",
    "wss://10.1.2.3",
    "wss://172.16.0.1",
    "wss://172.31.255.255",
    "wss://192.168.1.1",
    "wss://169.254.169.254",
    "wss://100.100.100.100",
    "wss://0.0.0.0",
    "wss://224.0.0.1",
    "wss://255.255.255.255",
    "wss://[::1]",
    "wss://[::]",
    "wss://[::ffff:127.0.0.1]",
    "wss://[::ffff:8.8.8.8]",
    "wss://[64:ff9b::7f00:1]",
    "wss://[fe80::1]",
    "wss://[fd00::1]",
    "wss://[2002:7f00:1::]",
    "wss://[2001:db8::1]",
    "wss://[2001:0:1::1]",
    "no address",
  ];
  for (const url of inner) assert.equal(isPublicRelay(url), false, url);
});

void test("isPublicAddress() is false for what is no address", () => {
  for (const text of ["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "a.b.c.d", ":::", "host"]) {
    assert.equal(isPublicAddress(text), false, text);
  }
  for (const text of ["1.1.1.1", "172.15.0.1", "172.32.0.1", "2a00:1450::1", "2606::"]) {
    assert.equal(isPublicAddress(text), true, text);
  }
});
