/** Owns the question whether a package that need not be there is there. Imports nothing. */

/** Whether this package finds the other one. */
export function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}
