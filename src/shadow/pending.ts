/**
 * Owns the exception that ends a constructor or a migration which reads a variable that is not migrated yet: it holds a bucket lock, so the other variable
 * cannot be migrated now. Whoever called it releases its locks, has the variable migrated, and calls it again. Imports errors.
 */
import { describe, ShadowError } from '../errors.js';
import type { Binding } from './binding.js';
import type { Parent } from './objects.js';

export class PendingMigration extends ShadowError {
  readonly binding: Binding;
  readonly parent: Parent;

  constructor(binding: Binding, parent: Parent) {
    super(
      'ERR_SHADOW_CONSTRUCTOR_WRITE',
      `the variable of type ${binding.type.id} on ${describe(parent)} is migrated first, then this constructor or migration is called again; let this error pass`,
    );
    this.binding = binding;
    this.parent = parent;
  }

  /** To be called with no lock held that a constructor or migration runs under. */
  migrate(): void {
    this.binding.bindings.migrator.reach(this.binding, this.parent);
  }
}
