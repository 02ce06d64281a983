import type { Post } from "./attempt.ts";

const ANSWER_BYTES = 16_384;
const KEPT = 500;
/** How long the body of an answer is waited for, ms: it is only to be shown. */
const PATIENCE = 2000;

/**
 * Posts by the platform's own fetch: for Workers, which have no network of their own that could be
 * reached by a name. Redirections are not followed.
 */
export function fetchPost(fetcher: typeof fetch = fetch): Post {
  return async ({ url, headers, body, signal }) => {
    const response = await fetcher(url, {
      method: "POST",
      headers: { ...headers },
      body,
      redirect: "manual",
      signal,
    });
    const { status, ok, body: answer } = response;
    // The status counts from the moment it is there.
    if (ok) {
      void answer?.cancel().catch(() => {});
      return { status };
    }
    const retryAfter = response.headers.get("retry-after") ?? undefined;
    return { status, retryAfter, body: await beginning(answer) };
  };
}

/** How an answer begins; no more is read of one that goes on and on, and no longer of one that stalls. */
async function beginning(stream: ReadableStream<Uint8Array> | null): Promise<string> {
  if (stream === null) return "";
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  const patience = setTimeout(() => void reader.cancel().catch(() => {}), PATIENCE);
  try {
    while (size <= ANSWER_BYTES) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.byteLength;
      if (text.length < KEPT) text += decoder.decode(value, { stream: true });
    }
  } catch {
    // The status counts, whatever becomes of the rest.
  } finally {
    clearTimeout(patience);
  }
  void reader.cancel().catch(() => {});
  return text.slice(0, KEPT);
}
