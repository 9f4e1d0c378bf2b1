/** A new process that restores a snapshot and tells what it finds there. */
import { ShadowStore } from '../../../src/shadow/store.js';
import { blob, count, NAMES, newer, note } from '../fixtures/prepared.js';

const [file, handle] = [process.argv[2]!, Number(process.argv[3])];
const store = ShadowStore.restore(file, { types: [count, blob, note, newer] });
const found = {
  counts: [...store.entries(count)].map(([parent, view]) => [parent, view.value, view.sum]),
  notes: NAMES.map((name) => store.get(name, note)?.text),
  blobs: [...store.entries(blob)].map(([parent, view]) => [parent, view.getUint8(2999)]),
  hits: [...store.entries(newer)].map(([parent, view]) => [parent, view.hits]),
  ofObject: store.get(handle, count)?.value,
  ofNull: store.get(null, count)?.value,
  violations: store.check().violations,
};
process.stdout.write(JSON.stringify(found));
