/** Owns waiting for what comes soon by itself; if it does not, that is an error and no hang. Imports nothing. */
const PATIENCE_MILLISECONDS = 15_000;

export async function soon(what: string, is: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MILLISECONDS;
  while (!is()) {
    if (performance.now() > deadline) throw new Error(`it does not come to this: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** The same for what is under way. @throws if it does not end */
export async function ends<T>(what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`it does not end: ${what}`));
    }, PATIENCE_MILLISECONDS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
