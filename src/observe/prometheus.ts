/**
 * Owns `umbra/prometheus`: a store and its coordinator as metrics of prom-client. Several stores may share a registry: they have the same metrics, with other labels,
 * since a registry takes each name once. Everything that the store counts is read when the registry is scraped, and costs nothing otherwise. Touches shared memory only
 * through what it imports: errors, instruments, outcomes, subject, the table of tasks for where its buckets end, and prom-client.
 */
import { Counter, Gauge, Histogram, type Metric, register, type Registry } from 'prom-client';

import { describe, ShadowError } from '../errors.js';
import type { Coordinator } from '../livepatch/coordinator.js';
import { bucketEnd } from '../livepatch/tasks.js';
import { Layout } from '../memory/layout.js';
import type { ShadowStore } from '../shadow/store.js';
import { type Instrument, INSTRUMENTS, readInstrument } from './instruments.js';
import { watchTransitions } from './outcomes.js';
import { Subject } from './subject.js';

/** Options of `collectMetrics()`. */
export interface PrometheusOptions {
  /** Default: prom-client's own. */
  readonly registry?: Registry;
  /** What all names begin with. Default 'umbra_'. */
  readonly prefix?: string;
  /** Labels of all metrics of this store; `store` is one of them, by default 'default'. Stores of one registry have the same labels with other values. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Whether tasks are timed, which costs each of them some tens of nanoseconds. Default false. */
  readonly tasks?: boolean;
}

interface Source {
  readonly subject: Subject;
  readonly labels: Readonly<Record<string, string>>;
  readonly key: string;
}

/** Buckets of transitions, s: from a pool that sleeps to one that holds everything up. */
const TRANSITION_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Octaves of a microsecond at which the buckets of tasks end: 8 µs to 34 s. */
const TASK_OCTAVES = Array.from({ length: 23 }, (_, i) => i + 3);
const OPTIONS = new Set(['registry', 'prefix', 'labels', 'tasks']);
/** Labels that some metric has for its own values. */
const OWN_LABELS = ['kind', 'outcome', 'le', ...INSTRUMENTS.flatMap(({ attribute }) => attribute ?? [])];

const families = new WeakMap<Registry, Map<string, Family>>();

/**
 * Has a registry tell of a store, and with a PatchCoordinator of its patches as well. @returns what takes its metrics out of the registry again; a store that was disposed
 * is told of no more.
 * @throws ERR_SHADOW_OPTION, ERR_SHADOW_DISPOSED, and what prom-client throws of names it does not take, or that others have
 */
export function collectMetrics(of: ShadowStore | Coordinator, options: PrometheusOptions = {}): () => void {
  const { registry = register, prefix = 'umbra_', tasks = false } = check(options);
  const labels: Readonly<Record<string, string>> = { store: 'default', ...options.labels };
  const ofRegistry = families.get(registry) ?? new Map<string, Family>();
  families.set(registry, ofRegistry);
  const known = ofRegistry.get(prefix);
  const family = known?.isForgotten === false ? known : new Family(registry, prefix, Object.keys(labels));
  const subject = new Subject(of, 'collectMetrics()', tasks);
  let end: () => void;
  try {
    end = family.add(subject, labels);
  } catch (error) {
    subject.close();
    throw error;
  }
  ofRegistry.set(prefix, family);
  return () => {
    end();
    if (family.isEmpty && ofRegistry.get(prefix) === family) ofRegistry.delete(prefix);
  };
}

/** The metrics of one prefix in one registry. */
class Family {
  readonly #registry: Registry;
  readonly #labelNames: readonly string[];
  readonly #prefix: string;
  readonly #sources = new Map<string, Source>();
  /** By their names in the registry. */
  readonly #metrics = new Map<string, Metric>();
  #transitions: { readonly total: Counter; readonly seconds: Histogram } | undefined;

  constructor(registry: Registry, prefix: string, labelNames: readonly string[]) {
    this.#registry = registry;
    this.#prefix = prefix;
    this.#labelNames = [...labelNames].sort();
  }

  get isEmpty(): boolean {
    return this.#sources.size === 0;
  }

  /** Whether somebody has emptied the registry, which nobody is told. */
  get isForgotten(): boolean {
    return [...this.#metrics].some(([name, metric]) => this.#registry.getSingleMetric(name) !== metric);
  }

  /** @throws ERR_SHADOW_OPTION, and what prom-client throws */
  add(subject: Subject, labels: Readonly<Record<string, string>>): () => void {
    const names = Object.keys(labels).sort();
    if (names.join() !== this.#labelNames.join())
      throw new ShadowError(
        'ERR_SHADOW_OPTION',
        `this store has labels ${names.join(', ')}; those in the registry already have ${this.#labelNames.join(', ')}, and all have the same`,
      );
    const key = JSON.stringify(names.map((name) => labels[name]));
    if (this.#sources.has(key))
      throw new ShadowError(
        'ERR_SHADOW_OPTION',
        `the registry tells of a store with labels ${JSON.stringify(labels)} already; give this one another \`store\``,
      );
    try {
      if (this.#metrics.size === 0) this.#create();
    } catch (error) {
      this.#remove();
      throw error;
    }
    this.#sources.set(key, { subject, labels, key });
    const unwatch = this.#watch(subject, labels);
    return () => {
      if (this.#sources.get(key)?.subject !== subject) return;
      unwatch?.();
      subject.close();
      this.#sources.delete(key);
      if (this.isEmpty) this.#remove();
    };
  }

  #create(): void {
    // The histogram of tasks has a count and a sum of its own.
    for (const instrument of INSTRUMENTS) if (instrument.name !== 'tasks.ended' && instrument.name !== 'tasks.time') this.#add(instrument);
    const config = { labelNames: [...this.#labelNames, 'kind', 'outcome'], registers: [this.#registry] };
    const help = 'Transitions that ended, by kind and outcome.';
    const total = this.#own('transitions_total', (name) => new Counter({ ...config, name, help }));
    const seconds = this.#own('transition_duration_seconds', (name) => {
      return new Histogram({ ...config, name, help: 'How long transitions took, loading included.', buckets: TRANSITION_SECONDS });
    });
    this.#transitions = { total, seconds };
    this.#addTasks();
  }

  #add(instrument: Instrument): void {
    const { help, attribute, kind } = instrument;
    const labelNames = attribute === undefined ? this.#labelNames : [...this.#labelNames, attribute];
    const config = { help, labelNames: [...labelNames], registers: [this.#registry] };
    const collect = (metric: Counter | Gauge): void => {
      // Made anew at each scrape, from totals that only grow: a counter of prom-client cannot be set, and nothing runs between this and the scrape's reading of it.
      metric.reset();
      for (const { subject, labels } of this.#sources.values()) {
        if (subject.isDisposed) continue;
        for (const [value, of] of readInstrument(instrument, subject)) {
          metric.inc(attribute === undefined ? labels : { ...labels, [attribute]: of! }, value);
        }
      }
    };
    this.#own(prometheusName(instrument), (name) => {
      const metric: Counter | Gauge = new (kind === 'counter' ? Counter : Gauge)({
        ...config,
        name,
        collect: () => {
          collect(metric);
        },
      });
      return metric;
    });
  }

  /** The histogram of tasks is the threads' own: prom-client's would have to be told of each task. A registry takes whatever can be asked for its values. */
  #addTasks(): void {
    const help = 'How long tasks took, waiting for their turn to switch not included.';
    this.#own('task_duration_seconds', (name) => {
      const metric = {
        name,
        help,
        type: 'histogram',
        aggregator: 'sum',
        reset: () => undefined,
        get: () => Promise.resolve({ name, help, type: 'histogram', aggregator: 'sum', values: this.#taskValues(name) }),
      } as unknown as Metric;
      this.#registry.registerMetric(metric);
      return metric;
    });
  }

  #taskValues(name: string): object[] {
    const values: object[] = [];
    for (const { subject, labels } of this.#sources.values()) {
      if (!subject.timesTasks || subject.isDisposed) continue;
      const { buckets, ended, seconds } = subject.tasks();
      for (const octave of TASK_OCTAVES) {
        const last = octave * Layout.BUCKETS_PER_OCTAVE;
        const value = buckets.slice(0, last + 1).reduce((sum, count) => sum + count, 0);
        values.push({ metricName: `${name}_bucket`, labels: { ...labels, le: bucketEnd(last) / 1000 }, value });
      }
      values.push({ metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: ended });
      values.push({ metricName: `${name}_sum`, labels, value: seconds }, { metricName: `${name}_count`, labels, value: ended });
    }
    return values;
  }

  #watch({ coordinator }: Subject, labels: Readonly<Record<string, string>>): (() => void) | undefined {
    const transitions = this.#transitions!;
    if (coordinator === undefined) return undefined;
    return watchTransitions(coordinator, {
      onEnd: ({ kind, milliseconds }, outcome) => {
        transitions.total.inc({ ...labels, kind, outcome });
        transitions.seconds.observe({ ...labels, kind, outcome }, milliseconds / 1000);
      },
    });
  }

  #remove(): void {
    for (const [name, metric] of this.#metrics)
      if (this.#registry.getSingleMetric(name) === metric) this.#registry.removeSingleMetric(name);
    this.#metrics.clear();
    this.#transitions = undefined;
  }

  /** Makes a metric, which registers itself, and keeps it as ours to remove. */
  #own<M extends Metric>(name: string, create: (name: string) => M): M {
    const metric = create(this.#prefix + name);
    this.#metrics.set(this.#prefix + name, metric);
    return metric;
  }
}

/** The name as Prometheus has them: base units behind it, and what kind of number it is. */
function prometheusName({ name, unit, kind }: Instrument): string {
  const base = name.replaceAll('.', '_');
  return `${base}${unit === 'By' ? '_bytes' : ''}${kind === 'counter' ? '_total' : ''}`;
}

function check(options: PrometheusOptions): PrometheusOptions {
  if (typeof options !== 'object' || (options as unknown) === null || Object.keys(options).some((key) => !OPTIONS.has(key)))
    throw new ShadowError(
      'ERR_SHADOW_OPTION',
      `the options of collectMetrics() are { ${[...OPTIONS].join(', ')} }, not ${describe(options)}`,
    );
  const { registry = register, prefix = '', labels = {}, tasks = false } = options;
  // Not by its class: the application may have a prom-client of its own.
  if (typeof (registry as Partial<Registry> | null)?.registerMetric !== 'function')
    throw new ShadowError('ERR_SHADOW_OPTION', `registry is ${describe(registry)}; give a Registry of prom-client`);
  if (typeof prefix !== 'string') throw new ShadowError('ERR_SHADOW_OPTION', `prefix is ${describe(prefix)}; give a string`);
  if (typeof tasks !== 'boolean') throw new ShadowError('ERR_SHADOW_OPTION', `tasks is ${describe(tasks)}; give true or false`);
  const isText =
    typeof labels === 'object' && (labels as unknown) !== null && Object.values(labels).every((value) => typeof value === 'string');
  if (!isText)
    throw new ShadowError('ERR_SHADOW_OPTION', `labels is ${describe(labels)}; give an object of strings, such as { store: 'sessions' }`);
  const own = Object.keys(labels).find((name) => OWN_LABELS.includes(name));
  if (own !== undefined)
    throw new ShadowError(
      'ERR_SHADOW_OPTION',
      `the label ${own} is one that some metrics have for values of their own; give it another name`,
    );
  return options;
}
