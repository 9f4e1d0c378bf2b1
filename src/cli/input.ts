/**
 * The input of a run: requests and objects as columns of shared memory, so that every thread reads the same copy and a batch is a range of
 * positions. Filled once, before the first worker starts; read-only from then on, so plain reads everywhere are exact. Imports nothing.
 */

/** What a request does. The first two are what the application accounts for, the others are made of them. */
export const READ = 0;
export const WRITE = 1;
export const READ_MODIFY_WRITE = 2; // a read and a write of the same object
export const SCAN = 3; // reads of `spans[i]` neighbouring objects

/** Structured-clone friendly: goes to the workers as it is. */
export interface Input {
  /** Number of the object at each index, all different: 0…2^52−1. */
  readonly objects: Float64Array;
  /** Per request: index of its (first) object. */
  readonly indexes: Uint32Array;
  readonly operations: Uint8Array;
  /** Per request: bytes that each of its accesses moves. */
  readonly sizes: Uint32Array;
  /** Per request: how many neighbouring objects a scan reads; undefined where the input has no scans. */
  readonly spans: Uint8Array | undefined;
  /** One line for a person. */
  readonly description: string;
}

export function sharedFloat64(length: number): Float64Array {
  return new Float64Array(new SharedArrayBuffer(length * Float64Array.BYTES_PER_ELEMENT));
}

export function sharedUint32(length: number): Uint32Array {
  return new Uint32Array(new SharedArrayBuffer(length * Uint32Array.BYTES_PER_ELEMENT));
}

export function sharedUint8(length: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(length));
}

/** Number of requests in one pass. */
export function requestCount(input: Input): number {
  return input.indexes.length;
}

/** Calls `access(objectIndex, write, bytes)` for each access of the requests `from`…`to`−1 in order. */
export function forEachAccess(
  input: Input,
  from: number,
  to: number,
  access: (index: number, write: boolean, bytes: number) => void,
): void {
  const { indexes, operations, sizes, spans } = input;
  for (let i = from; i < to; i++) {
    const index = indexes[i]!;
    const bytes = sizes[i]!;
    switch (operations[i]) {
      case READ:
        access(index, false, bytes);
        break;
      case WRITE:
        access(index, true, bytes);
        break;
      case READ_MODIFY_WRITE:
        access(index, false, bytes);
        access(index, true, bytes);
        break;
      default:
        for (let offset = 0; offset < spans![i]!; offset++) access(index + offset, false, bytes);
    }
  }
}
