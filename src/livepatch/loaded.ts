/**
 * Owns a patch as one thread has loaded it: its replacements, each able to call the next older function. Claims and releases activation
 * counters. Imports errors, activity, decoration, patch and trampoline.
 */
import { describe, ShadowError } from '../errors.js';
import { claimCounter, releaseCounter, UNTRACKED } from './activity.js';
import { decorated } from './decoration.js';
import { type Patch, type PatchFunction, WithOriginal } from './patch.js';
import { Body, Slot, trampoline } from './trampoline.js';

/** Something above the original: a replacement, or an interception. `below` leads to the next lower function while it is in a chain. */
export class Layer {
  readonly below: Slot;
  body: Body;

  /** `make` gets the function that calls the next lower one: one of its own, for what is below may go while this stays. */
  constructor(name: string, claim: () => number, make: (below: PatchFunction) => PatchFunction) {
    this.below = new Slot(new Body(() => refuseEarly(name), UNTRACKED));
    const call = make(trampoline(name, 0, this.below));
    this.body = new Body(call, claim());
  }
}

/** A patch whose replacements are ready to be installed in this thread. */
export class LoadedPatch {
  readonly patch: Patch;
  readonly #replacements = new Map<string, Map<string, Layer>>();

  /** Runs the factories of `withOriginal()`. @throws ERR_PATCH_DECLARATION and whatever a factory throws */
  constructor(patch: Patch) {
    this.patch = patch;
    try {
      for (const object of patch.objects) {
        const replacements = new Map<string, Layer>();
        this.#replacements.set(object.name, replacements);
        for (const [name, replacement] of object.functions) replacements.set(name, this.#layer(object.name, name, replacement));
      }
    } catch (error) {
      this.release();
      throw error;
    }
  }

  replacement(object: string, name: string): Layer | undefined {
    return this.#replacements.get(object)?.get(name);
  }

  /** The patch will not be installed again. Calls that are still active are counted until they end. */
  release(): void {
    for (const replacements of this.#replacements.values()) {
      for (const { body } of replacements.values()) releaseCounter(body.counter);
    }
  }

  #layer(object: string, name: string, replacement: PatchFunction | WithOriginal): Layer {
    const claim = (): number => claimCounter(`${object}.${name}`, this.patch.name);
    const version = { object, name, patch: this.patch.name };
    return new Layer(name, claim, (original) => {
      const call = replacement instanceof WithOriginal ? replacement.factory(decorated('original', original, version)) : replacement;
      if (typeof call !== 'function') {
        throw new ShadowError(
          'ERR_PATCH_DECLARATION',
          `withOriginal() of ${name} returned ${describe(call)}; return the replacement function`,
        );
      }
      return decorated('version', call, version);
    });
  }
}

function refuseEarly(name: string): never {
  throw new ShadowError(
    'ERR_PATCH_FUNCTION',
    `original ${name}() was called before its patch was switched on; call it from the replacement only`,
  );
}
