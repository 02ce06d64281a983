import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFeed } from "../../examples/watcher/feed.ts";

void test("parseFeed() reads RSS", () => {
  const rss = `<?xml version="1.0"?><!DOCTYPE rss><rss version="2.0"><channel>
    <title>The channel</title><link>https://example.org</link>
    <item><title>Bread &amp; butter &#x2013; &quot;ready&quot;</title>
      <link>https://example.org/1?a=1&amp;b=2</link><guid isPermaLink="false">one</guid>
      <media:title>not this</media:title><!-- <title>nor this</title> -->
      <description><![CDATA[<p>a <b>bold</b> claim]]></description></item>
    <item><title><![CDATA[<i>&amp;</i>]]></title><link>https://example.org/2</link></item>
    <item><title>&amp;lt; &unknown;</title></item>
    </channel></rss>`;
  assert.deepEqual(parseFeed(rss), [
    { id: "one", title: 'Bread & butter – "ready"', link: "https://example.org/1?a=1&b=2" },
    { id: "https://example.org/2", title: "<i>&amp;</i>", link: "https://example.org/2" },
    { id: "&lt; &unknown;", title: "&lt; &unknown;", link: "" },
  ]);
});

void test("parseFeed() reads Atom", () => {
  const atom = `<feed xmlns="http://www.w3.org/2005/Atom"><title>Blog</title><id>blog</id>
    <entry><author><name>Ada</name><id>ada</id><title>Countess</title></author>
      <title type="text">On engines</title><id>urn:1</id>
      <link rel="alternate" href='https://example.org/engines'/><link href="https://example.org/no"/>
      <content type="xhtml"><div><title>inside</title><br/></div></content></entry></feed>`;
  assert.deepEqual(parseFeed(atom), [
    { id: "urn:1", title: "On engines", link: "https://example.org/engines" },
  ]);
});

void test("parseFeed() reads JSON Feed", () => {
  const items = [{ id: "1", title: "One", url: "https://example.org/1" }, { id: "2" }];
  assert.deepEqual(parseFeed(JSON.stringify({ version: "1.1", items })), [
    { id: "1", title: "One", link: "https://example.org/1" },
    { id: "2", title: "", link: "" },
  ]);
});

void test("parseFeed() gives nothing for an empty feed and an error for what is none", () => {
  assert.deepEqual(parseFeed('<rss version="2.0"><channel/></rss>'), []);
  for (const text of ["", "hello", "<html><body>404</body></html>", "{}", "{"]) {
    assert.throws(() => parseFeed(text), text);
  }
  // Cut off in the middle: what is whole is given.
  assert.equal(parseFeed("<rss><item><title>a</title></item><item><title>b").length, 1);
});

void test("parseFeed() gives text that can be stored, whatever it reads", () => {
  const [found] = parseFeed("<rss><item><title>&#xD800;&#x110000;</title></item></rss>");
  assert.equal(found?.title, "\ufffd&#x110000;");
});
