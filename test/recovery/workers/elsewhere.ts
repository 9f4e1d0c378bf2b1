/** Preloaded: makes the process look like one on a system where nothing tells whether a thread exists. */
Object.defineProperty(process, 'platform', { value: 'sunos' });
