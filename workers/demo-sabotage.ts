/** A patch that nobody disables, for `umbra demo --sabotage leak`: it keeps the variables of patch 1 alive and does nothing with them. */
import { definePatch } from '../src/worker.js';
import { lastUse } from './demo-patch-expire.js';

export default definePatch({ name: 'forgotten', shadowTypes: [lastUse] });
