/**
 * Gives the browser a language that Intl takes: Chromium without a locale says "en-US@posix", at which uPlot fails as soon as it is loaded, and the page with it. So this
 * has to be imported before uPlot. Imports nothing.
 */
try {
  Intl.getCanonicalLocales(navigator.language);
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en' });
}
