// The thread of watchdog.ts. It shares nothing with the watched one but a counter.
import { writeSync } from "node:fs";
import { Session } from "node:inspector";
import { workerData } from "node:worker_threads";

const { beats, interval, limit } = workerData as {
  beats: Int32Array;
  interval: number;
  limit: number;
};

/** How long the blocked thread has for saying where it is: native code cannot be interrupted. */
const PATIENCE = 2000;

let seen = -1;
// Counted in turns of this thread and not by a clock: a suspended machine suspends both.
let still = 0;
const needed = Math.ceil(limit / interval);
const patience = Math.ceil(PATIENCE / interval);
let session: Session | undefined;

setInterval(() => {
  const now = Atomics.load(beats, 0);
  if (now !== seen) {
    seen = now;
    still = 0;
    // It came back by itself: let it run.
    session?.disconnect();
    session = undefined;
    return;
  }
  still += 1;
  if (still === needed) session = exitWhereItStands();
  if (still >= needed + patience) {
    say("in native code");
    process.kill(process.pid, "SIGKILL");
  }
}, interval);

/** Pauses the blocked thread in the middle of what it does, and has it exit right there. */
function exitWhereItStands(): Session {
  const session = new Session();
  const urls = new Map<string, string>();
  session.on("Debugger.scriptParsed", ({ params }) => urls.set(params.scriptId, params.url));
  session.on("Debugger.paused", ({ params }) => {
    const { callFrameId, functionName, location } = params.callFrames[0]!;
    if (Atomics.load(beats, 0) !== seen) return;
    const url = urls.get(location.scriptId) ?? "unknown";
    say(`in ${functionName || "a function"} at ${url}:${location.lineNumber + 1}`);
    session.post("Debugger.evaluateOnCallFrame", {
      callFrameId,
      expression: "process.reallyExit(1)",
    });
  });
  session.connectToMainThread();
  session.post("Debugger.enable");
  session.post("Debugger.pause");
  return session;
}

function say(where: string): void {
  writeSync(
    2,
    `agentd: Cannot go on: agent code has blocked the event loop for ${limit} ms, ${where}: exiting, what it was working on counts as failed\n`,
  );
}
