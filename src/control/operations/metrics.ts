import { PROMETHEUS_TYPE } from "../../core/prometheus.ts";
import { agentMetricsText } from "../../vfs/services/metrics.ts";
import { operation } from "../operation.ts";
import type { Operation } from "../operation.ts";
import { runtimeMetricsText } from "../prometheus.ts";

/** Operations that say what is counted, as Prometheus reads it. */
export const metricsOperations: readonly Operation[] = [
  operation({
    id: "getRuntimeMetrics",
    method: "get",
    path: "/runtime/metrics",
    scope: "read",
    tag: "Runtime",
    summary: "Gives what the home counts, as Prometheus reads it",
    answers: { 200: { description: "Metrics in Prometheus' text format.", type: "text/plain" } },
    run({ home, options: { version, measures }, c }) {
      const text = runtimeMetricsText(home.metrics(), { version, ...measures?.() });
      return c.body(text, 200, { "content-type": PROMETHEUS_TYPE });
    },
  }),
  operation({
    id: "getAgentMetrics",
    method: "get",
    path: "/agents/{ref}/metrics",
    scope: "read",
    tag: "Record",
    summary: "Gives what is known of an agent, as Prometheus reads it",
    answers: { 200: { description: "Metrics in Prometheus' text format.", type: "text/plain" } },
    async run({ runtime, ref, c }) {
      const text = agentMetricsText(await runtime.status(ref));
      return c.body(text, 200, { "content-type": PROMETHEUS_TYPE });
    },
  }),
];
