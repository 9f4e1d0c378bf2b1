/** The chart library, which the build puts beside the page: a page has no package names to import by. */
declare module '*/uPlot.esm.js' {
  import uPlot from 'uplot';
  // eslint-disable-next-line no-restricted-exports -- this is how the library exports it
  export default uPlot;
}
