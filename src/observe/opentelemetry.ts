/**
 * Owns `umbra/opentelemetry`: a store and its coordinator as instruments of an OpenTelemetry meter, and transitions as spans of a tracer. Everything that the store counts is
 * read when the reader collects, in one go, and costs nothing otherwise. Needs the API package only. Touches shared memory only through what it imports: errors,
 * instruments, outcomes, subject and the API.
 */
import {
  type Attributes,
  type Meter,
  type MeterProvider,
  metrics,
  type Observable,
  type Span,
  SpanStatusCode,
  trace,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api';

import { describe, ShadowError } from '../errors.js';
import type { Coordinator } from '../livepatch/coordinator.js';
import type { TransitionEvent } from '../livepatch/events.js';
import type { ShadowStore } from '../shadow/store.js';
import { type Instrument, INSTRUMENTS, readInstrument } from './instruments.js';
import { type TransitionOutcome, watchTransitions } from './outcomes.js';
import { Subject } from './subject.js';

/** Options of `observeMetrics()`. */
export interface OpenTelemetryOptions {
  /** Where the instruments are made. Default: a meter "umbra" of the provider. */
  readonly meter?: Meter;
  /** Default: the global one. */
  readonly meterProvider?: MeterProvider;
  /** Where the spans of transitions are made. Default: a tracer "umbra" of the provider. */
  readonly tracer?: Tracer;
  /** Default: the global one, whose spans go nowhere while nobody has set one. */
  readonly tracerProvider?: TracerProvider;
  /** Of every measurement and span of this store: tells several apart. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Whether tasks are timed, which costs each of them some tens of nanoseconds. Default false. */
  readonly tasks?: boolean;
}

const OPTIONS = new Set(['meter', 'meterProvider', 'tracer', 'tracerProvider', 'attributes', 'tasks']);
const SCOPE = 'umbra';
/** What each of these options has to be able to do, whichever package it comes from. */
const MAKERS = [
  ['meter', 'addBatchObservableCallback'],
  ['meterProvider', 'getMeter'],
  ['tracer', 'startSpan'],
  ['tracerProvider', 'getTracer'],
] as const;

/**
 * Has OpenTelemetry tell of a store, and with a PatchCoordinator of its patches as well, each transition as a span. @returns what ends it; a store that was disposed is told of
 * no more. A meter gives one instrument for a name, so what several stores tell stands side by side: give each `attributes` of its own.
 * @throws ERR_SHADOW_OPTION, ERR_SHADOW_DISPOSED
 */
export function observeMetrics(of: ShadowStore | Coordinator, options: OpenTelemetryOptions = {}): () => void {
  const { attributes = {}, tasks = false } = check(options);
  const subject = new Subject(of, 'observeMetrics()', tasks);
  const meter = options.meter ?? (options.meterProvider ?? metrics).getMeter(SCOPE);
  const told = INSTRUMENTS.filter(({ needs }) => needs === undefined || (needs === 'tasks' ? tasks : subject.coordinator !== undefined));
  const observables = new Map(told.map((instrument) => [instrument, create(meter, instrument)]));
  const observe = (result: { observe: (of: Observable, value: number, attributes?: Attributes) => void }): void => {
    if (subject.isDisposed) return;
    for (const [instrument, observable] of observables) {
      for (const [value, which] of readInstrument(instrument, subject))
        result.observe(observable, value, which === undefined ? attributes : { ...attributes, [`umbra.${instrument.attribute!}`]: which });
    }
  };
  const all = [...observables.values()];
  meter.addBatchObservableCallback(observe, all);
  const unwatch = subject.coordinator === undefined ? undefined : watch(subject.coordinator, meter, options, attributes);
  return () => {
    meter.removeBatchObservableCallback(observe, all);
    unwatch?.();
    subject.close();
  };
}

function create(meter: Meter, { name, kind, unit, help, attribute }: Instrument): Observable {
  const options = { unit, description: help };
  if (kind === 'counter') return meter.createObservableCounter(`umbra.${name}`, options);
  // Parts of a whole may be added up; the rest are levels of their own.
  return attribute === undefined
    ? meter.createObservableGauge(`umbra.${name}`, options)
    : meter.createObservableUpDownCounter(`umbra.${name}`, options);
}

function watch(coordinator: Coordinator, meter: Meter, options: OpenTelemetryOptions, attributes: Attributes): () => void {
  const tracer = options.tracer ?? (options.tracerProvider ?? trace).getTracer(SCOPE);
  const duration = meter.createHistogram('umbra.transition.duration', {
    unit: 's',
    description: 'How long transitions took, loading included.',
  });
  let span: Span | undefined;
  /** Of a transition whose end nobody will see. */
  const abandon = (): void => {
    span?.setAttribute('umbra.outcome', 'abandoned').end();
    span = undefined;
  };
  const unwatch = watchTransitions(coordinator, {
    onEvent: (event) => {
      span ??= begin(tracer, event, attributes);
      span.addEvent(event.phase, { 'umbra.switched': event.switched, 'umbra.workers': event.workers });
    },
    onEnd: (event, outcome) => {
      const { kind, milliseconds } = event;
      duration.record(milliseconds / 1000, { ...attributes, 'umbra.kind': kind, 'umbra.outcome': outcome });
      finish(span!, event, outcome);
      span = undefined;
    },
    onClosed: abandon,
  });
  return () => {
    unwatch();
    abandon();
  };
}

/** From the moment its turn came: the first event comes later when a patch is loaded first. */
function begin(tracer: Tracer, { patch, kind, milliseconds }: TransitionEvent, attributes: Attributes): Span {
  const startTime = Date.now() - milliseconds;
  return tracer.startSpan(`umbra ${kind}`, { startTime, attributes: { ...attributes, 'umbra.patch': patch, 'umbra.kind': kind } });
}

/** A transition that somebody turned round or forced did what it was told; one that failed did not. */
function finish(span: Span, { switched, workers }: TransitionEvent, outcome: TransitionOutcome): void {
  span.setAttributes({ 'umbra.outcome': outcome, 'umbra.switched': switched, 'umbra.workers': workers });
  if (outcome === 'failed') span.setStatus({ code: SpanStatusCode.ERROR, message: 'the patch was refused, nothing changed' });
  span.end();
}

function check(options: OpenTelemetryOptions): OpenTelemetryOptions {
  if (typeof options !== 'object' || (options as unknown) === null || Object.keys(options).some((key) => !OPTIONS.has(key)))
    throw new ShadowError(
      'ERR_SHADOW_OPTION',
      `the options of observeMetrics() are { ${[...OPTIONS].join(', ')} }, not ${describe(options)}`,
    );
  const { attributes = {}, tasks = false } = options;
  for (const [name, method] of MAKERS) {
    const given = options[name] as unknown;
    if (given !== undefined && typeof (given as Readonly<Record<string, unknown>> | null)?.[method] !== 'function')
      throw new ShadowError('ERR_SHADOW_OPTION', `${name} is ${describe(given)}; give one of OpenTelemetry, which has ${method}()`);
  }
  if (typeof tasks !== 'boolean') throw new ShadowError('ERR_SHADOW_OPTION', `tasks is ${describe(tasks)}; give true or false`);
  const isText =
    typeof attributes === 'object' &&
    (attributes as unknown) !== null &&
    Object.values(attributes).every((value) => typeof value === 'string');
  if (!isText) throw new ShadowError('ERR_SHADOW_OPTION', `attributes is ${describe(attributes)}; give an object of strings`);
  return options;
}
