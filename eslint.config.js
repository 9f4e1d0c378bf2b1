// typescript-eslint's strictest typed rule set; every exception below carries its reason.
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', '.ci/']),
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true, defaultFrom: true } }],
      '@typescript-eslint/consistent-type-imports': 'error',
      // With noUncheckedIndexedAccess every read of a typed array is `number | undefined`; `words[address]!` is the one form that
      // costs nothing at run time.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // The one enum is the memory layout: offsets, to be added to and compared with numbers.
      '@typescript-eslint/no-unsafe-enum-comparison': 'off',
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      '@typescript-eslint/prefer-literal-enum-member': 'off',
      '@typescript-eslint/no-duplicate-enum-values': 'off',
      '@typescript-eslint/no-mixed-enums': 'off',
      // Numbers print as one expects; everything else still needs an explicit conversion.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // `() => void work()` is how a callback says that it returns nothing.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Shared memory changes under the reader's feet: `while (true)` with a re-read is the shape of every retry loop.
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: 'always' }],
      // A leading underscore marks a parameter that a signature demands and the body ignores.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' }],
    },
  },
  {
    // Task functions and patches are what Piscina and the patch loader import by default export.
    files: ['workers/**/*.ts', 'bench/*-worker.ts', 'test/**/*.ts'],
    rules: { 'no-restricted-exports': 'off' },
  },
  {
    // The command line and the benchmarks talk to a person.
    files: ['src/cli/**/*.ts', 'bench/**/*.ts', 'examples/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    // node:test tracks the promises of describe/it/test itself; awaiting them inside a suite would deadlock it.
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', package: 'node:test', name: ['test', 'it', 'describe', 'suite'] }] },
      ],
    },
  },
  {
    // Configuration files are plain JavaScript outside tsconfig.json.
    files: ['**/*.js'],
    extends: [tseslint.configs.strict],
  },
);
