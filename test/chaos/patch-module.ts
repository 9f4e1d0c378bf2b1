/** A patch that is an ES module: threads take turns of the event loop to load it. */
import { definePatch } from '../../src/livepatch/define-patch.js';

export default definePatch({ name: 'module', objects: [{ name: 'sessions', functions: { touch: () => 'module' } }] });
