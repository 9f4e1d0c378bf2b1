/** The type of the variables of the suite `dashboard`. */
import { defineShadowType } from '../src/worker.js';

export const hits = defineShadowType({ id: 1, fields: { count: 'u32' } });
