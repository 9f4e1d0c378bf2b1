/** Owns how numbers are written. One language throughout, since the page has one. Imports nothing. */

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });
const PRECISE = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });
const UNITS = ['B', 'KiB', 'MiB', 'GiB'];

/** What there is not. */
export const NOTHING = '–';

/** Every digit. */
export function whole(value: number): string {
  return WHOLE.format(value);
}

/** Three digits, as for a rate. */
export function short(value: number | null): string {
  if (value === null) return NOTHING;
  if (Math.abs(value) >= 10_000) return SHORT.format(value);
  return Math.abs(value) >= 100 ? WHOLE.format(value) : PRECISE.format(value);
}

export function bytes(value: number): string {
  let unit = 0;
  let amount = value;
  for (; amount >= 1024 && unit < UNITS.length - 1; unit++) amount /= 1024;
  return `${amount >= 1000 || unit === 0 ? WHOLE.format(amount) : PRECISE.format(amount)} ${UNITS[unit] ?? ''}`;
}

export function percent(share: number): string {
  return `${share > 0 && share < 0.1 ? PRECISE.format(share * 100) : WHOLE.format(share * 100)} %`;
}

export function milliseconds(value: number | null): string {
  if (value === null) return NOTHING;
  if (value >= 1000) return duration(value);
  return `${PRECISE.format(value)} ms`;
}

/** Of what takes seconds to days. */
export function duration(value: number): string {
  const seconds = value / 1000;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function clock(at: number): string {
  return new Date(at).toLocaleTimeString('en-GB');
}

export function hex(id: number): string {
  return `0x${id.toString(16)}`;
}

export function plural(count: number, one: string): string {
  return `${whole(count)} ${one}${count === 1 ? '' : 's'}`;
}
