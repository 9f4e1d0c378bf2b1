/** Scenarios that must end. */
import { ShadowError } from '../../../src/errors.js';
import { defineShadowType, type ShadowType } from '../../../src/shadow/type.js';
import { type Task, work } from './task.js';

export interface ReentrancyData {
  readonly scenario: 'check in a constructor' | 'destructors that create again';
}

const scenarios: Record<ReentrancyData['scenario'], (task: Task<ReentrancyData>) => string> = {
  'check in a constructor': ({ store }) => {
    const type = defineShadowType({
      id: 0x401,
      fields: { value: 'u32' },
      ctor() {
        store.check();
      },
    });
    store.internals.registry.register('worker', 'object', [type]);
    try {
      store.alloc(1, type);
      return 'no error';
    } catch (error) {
      return error instanceof ShadowError ? error.code : String(error);
    }
  },

  'destructors that create again': ({ store }) => {
    const types: ShadowType<{ value: 'u32' }>[] = Array.from({ length: 12 }, (_, i) =>
      defineShadowType({
        id: 0x410 + i,
        fields: { value: 'u32' },
        dtor: (parent) => void store.getOrAlloc(parent, types[i]!),
      }),
    );
    store.internals.registry.register('worker', 'object', types);
    for (const type of types) store.alloc(1, type);
    const freed = store.freeObject(1);
    return `freed ${freed}, left ${types.filter((type) => store.has(1, type)).length}`;
  },
};

await work<ReentrancyData, string>((task) => scenarios[task.data.scenario](task));
