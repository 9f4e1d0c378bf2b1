/** Owns how figures are said. Imports nothing. */

/** 1234567 → "1.2 MB" */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** 3.14159 → "3.1 ms" */
export function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value).toString()} ms`;
}

/** 3.14159 → "3.1 s" */
export function seconds(value: number): string {
  return `${value.toFixed(1)} s`;
}
