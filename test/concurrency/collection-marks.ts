/** What the collection test and its workers share. */
export interface CollectionData {
  readonly dying: SharedArrayBuffer;
  readonly staying: SharedArrayBuffer;
  readonly keys: number;
  readonly marks: SharedArrayBuffer;
  /** Operations between two attachments; 0 = one attachment for all. */
  readonly reattachEvery: number;
}

export interface CollectionPart {
  readonly hits: number;
  readonly misses: number;
}

/** Lives of the dying id with lower numbers were collected: nobody who looks from now on may see them. */
export const BARRED_BELOW = 0;
/** Operations of all workers. */
export const OPERATIONS = 1;
