// Source files that are called like tests: `src/zero-tests.ts`, a command-line tool's `src/commands/test.ts`.
// Their place makes one doubt, their content tells.

/** Where products keep their code. */
const sourceDirectory = /(^|\/)(src|lib|libs|app|source|sources|cmd|internal|pkg|core)\//;
/** Below these everything belongs to tests. */
const testDirectory = /(^|\/)(tests?|__tests__|spec|specs|testdata|__snapshots__|__mocks__|e2e|fixtures)\//;
/** Names that a test may have as well as a part of the program, where the tests' runners go by directory. */
const doubtfulName =
  /(^|\/)(tests?|test-[^/]+|[^/]+[-_]tests?|run[-_]?tests?)\.([cm]?[jt]sx?|py|rb|php|rs|java|kt|cs|swift)$/;
/** `test-utils.ts`: no test, and the tests lean on it. */
const support =
  /(^|\/)tests?[-_](utils?|helpers?|setup|support|fixtures?|data|server|env\w*|mocks?|kit|base)\./;

/** Whether a path that is called like a test is a doubtful one. */
export function isLikeSource(path: string): boolean {
  return (
    doubtfulName.test(path) && sourceDirectory.test(path) && !testDirectory.test(path) && !support.test(path)
  );
}

/** What tests are made of. One word of it, and a doubtful file is a test. */
const signs: readonly RegExp[] = [
  /(^|[^.\w"'`])(test|it|describe|suite|context|specify|expect|should|assert\w*|beforeEach|before_each|setUp)\s*(\.\w+\s*)?\(/m,
  // Something to test with, made use of: its name alone may stand in any comment.
  /^.*\b(import|from|require|use|using|include)\b.*\b(node:test|node:assert|bun:test|vitest|mocha|chai|sinon|@jest\/\w+|ava|tape|@playwright\/test|supertest|unittest|pytest|doctest|nose|hypothesis|minitest|rspec|PHPUnit|junit|NUnit|xunit|XCTest)\b/im,
  /\bTestCase\b|\bMinitest::/,
  /^\s*(async\s+)?def test_|^\s*class Test|^\s*assert\s|#\[(\w+::)?test\]|#\[cfg\(test\)\]|@Test\b|\[(Fact|Theory|Test)\b|\bassert\w*!/m,
  // A script that says by its exit code whether all is well.
  /\b(process\.exit|sys\.exit|exitCode)\b/,
];

const comments = /\/\*[\s\S]*?\*\/|(^|\s)(\/\/|#(?!\[)).*$/gm;

/** Whether the content of a doubtful file shows that it is part of the program. Empty content shows nothing. */
export function isSourceByContent(content: string): boolean {
  return content.trim() !== "" && !signs.some((sign) => sign.test(content.replace(comments, "")));
}
