/** Creates and frees variables of a few strings, with the store's own hash of strings. */
import { type NamesData, churnNames } from '../names-churn.js';
import { work } from './task.js';

export type { NamesData } from '../names-churn.js';

await work<NamesData, undefined>(churnNames);
