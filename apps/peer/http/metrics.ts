/** Prometheus text of the peer's own metrics and of the process. */
import { Counter, collectDefaultMetrics, Gauge, Registry, register } from 'prom-client';
import type { ErrorCode } from '../../../src/base/errors.ts';
import type { MetricSample } from '../../../src/base/ports.ts';
import type { Peer } from '../../../src/peer/api.ts';

const PREFIX = 'aver_';

export interface MetricsPage {
  readonly contentType: string;
  text(): Promise<string>;
  /** Counts a request that was answered with an error. */
  countError(code: ErrorCode): void;
}

export function createMetricsPage(peer: Peer): MetricsPage {
  const processRegistry = new Registry();
  collectDefaultMetrics({ register: processRegistry });
  const errors = new Counter({
    name: `${PREFIX}http_errors`,
    help: 'requests answered with an error',
    labelNames: ['code'],
    registers: [processRegistry],
  });
  return {
    contentType: processRegistry.contentType,
    countError: (code) => errors.inc({ code }),
    text: async () => {
      const own = samplesToRegistry(await peer.metrics());
      // What libraries (libp2p) put into the default registry goes along.
      const parts = [own, processRegistry, register].map((registry) => registry.metrics());
      return (await Promise.all(parts)).filter((part) => part.trim() !== '').join('\n');
    },
  };
}

/** Built anew for each scrape: the peer keeps the values, and label sets come and go with peers. */
function samplesToRegistry(samples: readonly MetricSample[]): Registry {
  const registry = new Registry();
  const labelsByName = new Map<string, Set<string>>();
  for (const { name, labels } of samples) {
    const known = labelsByName.get(name) ?? new Set();
    for (const label of Object.keys(labels)) known.add(label);
    labelsByName.set(name, known);
  }
  const gaugeByName = new Map<string, Gauge>();
  for (const [name, labels] of labelsByName) {
    const full = PREFIX + name.replace(/[^a-zA-Z0-9_]/g, '_');
    const help = name.replaceAll('_', ' ');
    gaugeByName.set(name, new Gauge({ name: full, help, labelNames: [...labels], registers: [registry] }));
  }
  for (const { name, labels, value } of samples) gaugeByName.get(name)?.set({ ...labels }, value);
  return registry;
}
