/**
 * A step of the build: copies what the page consists of besides its compiled modules to where the server finds it, the chart library and its licence included. Imports
 * nothing of Umbra.
 */
import { cpSync, mkdirSync } from 'node:fs';

const SOURCE = new URL('../../../src/dashboard/page/', import.meta.url);
const PAGE = new URL('./page/', import.meta.url);
const VENDOR = new URL('vendor/', PAGE);
const CHARTS = new URL('../../../node_modules/uplot/', import.meta.url);

mkdirSync(VENDOR, { recursive: true });
for (const name of ['index.html', 'style.css', 'icon.svg']) cpSync(new URL(name, SOURCE), new URL(name, PAGE));
cpSync(new URL('dist/uPlot.esm.js', CHARTS), new URL('uPlot.esm.js', VENDOR));
cpSync(new URL('dist/uPlot.min.css', CHARTS), new URL('uPlot.min.css', VENDOR));
cpSync(new URL('LICENSE', CHARTS), new URL('uPlot-LICENSE.txt', VENDOR));
