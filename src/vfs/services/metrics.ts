import { info, MS, prometheusText, PROMETHEUS_TYPE } from "../../core/prometheus.ts";
import type { Metric } from "../../core/prometheus.ts";
import type { AgentFace } from "../../core/ports/index.ts";
import type { AgentReport } from "../../core/runtime.ts";
import type { FileNode } from "../nodes.ts";

/** `metrics`: what is known of the agent, as Prometheus reads it. */
export function metrics(face: AgentFace): FileNode {
  return {
    read: async () => agentMetricsText(await face.report()),
    facts: () => ({ type: PROMETHEUS_TYPE }),
  };
}

/** What is known of one agent, as Prometheus reads it. */
export function agentMetricsText(report: AgentReport): string {
  const { id, name, type, status, ticks, queued, alarms, parked, lastTick } = report;
  const labels = { agent: id, name, type };
  const one = (
    kind: "counter" | "gauge",
    [metric, help]: readonly [string, string],
    value: number,
  ): Metric => ({ name: metric, help, type: kind, samples: [{ labels, value }] });
  return prometheusText([
    info("openagents_agent_info", "The agent, and how it is.", { ...labels, status }),
    one("counter", ["openagents_agent_ticks_total", "Ticks on its record."], ticks),
    one("gauge", ["openagents_agent_queued", "Mail that waits in its inbox."], queued),
    one("gauge", ["openagents_agent_alarms", "Alarms that are set."], alarms.length),
    one("gauge", ["openagents_agent_parked", "Ticks that are parked."], parked.length),
    ...(lastTick === undefined
      ? []
      : [
          one(
            "gauge",
            ["openagents_agent_last_tick_seconds", "When its last tick began, since 1970."],
            lastTick.at * MS,
          ),
        ]),
  ]);
}
