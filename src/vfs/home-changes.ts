import type { AgentRecord } from "../core/agent.ts";
import type { Runtime } from "../core/runtime.ts";
import { PathFeed } from "./changes.ts";
import { joinPath } from "./path.ts";
import { touched } from "./services/touched.ts";

/**
 * What changes in the tree of a whole home, as its runtime tells of it: in the agents that are shown. A new
 * agent is told of by its first tick.
 */
export function homeChanges(
  runtime: Pick<Runtime, "watch">,
  shows: (agent: AgentRecord) => boolean = () => true,
): (path: string, signal: AbortSignal) => AsyncIterable<string> {
  return (path, signal) => {
    const feed = new PathFeed(path, signal, () => stop());
    const stop = signal.aborted
      ? () => undefined
      : runtime.watch(undefined, (tick) => {
          if (!shows(tick.agent)) return;
          const agent = `/agents/${tick.agent.id}`;
          if (tick.record.n === 1) feed.push(agent);
          for (const changed of touched(tick)) feed.push(joinPath(agent, changed));
        });
    return feed;
  };
}
