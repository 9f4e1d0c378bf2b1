/** Creates and frees variables of a few strings, which all collide. */
import { attachColliding } from '../colliding.js';
import { type NamesData, churnNames } from '../names-churn.js';
import { work } from './task.js';

await work<NamesData, undefined>(churnNames, attachColliding);
