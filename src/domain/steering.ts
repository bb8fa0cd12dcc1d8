// New files that can change what other tests do, told from what is in them or what they are called.

/**
 * Whether a new test holds what ends a test run, or changes the runner or the assertions under the other
 * tests of its process. A hint, not a proof: such a file costs a second run of the check without it.
 */
export function canSteer(content: string): boolean {
  return steeringWords.some((pattern) => pattern.test(content));
}

const steeringWords: readonly RegExp[] = [
  // Ends the process with the exit code that it likes.
  /\bprocess\s*(\.|\?\.|\[)\s*['"`]?(exit|exitCode|reallyExit|abort|kill|on|once|emit)\b/,
  /\b(os\._exit|os\.kill|os\.abort|sys\.exit|SystemExit|atexit|pytest\.exit|_exit)\b/,
  /\b(os\.Exit|syscall\.Exit|syscall\.Kill|log\.Fatal\w*|TestMain)\b/,
  /\b(System\.exit|Runtime\.getRuntime|process::exit|process::abort|libc::exit|Environment\.Exit|Kernel\.exit|exitProcess)\b/,
  /(^|[\s;&|({])(exit|quit|die|abort)\s*(!|\(|;|\d|$)/m,
  // Skips or replaces what other tests are.
  /\b(allow_module_level|collect_ignore|pytest_plugins|pytest_\w+|_pytest|unittest\.TestCase\.\w+\s*=|setattr|__builtins__|builtins\.)/,
  /\bsys\.(modules|path|meta_path|settrace|setprofile)\b/,
  /\b(globalThis|Module\._\w+|require\.cache|Reflect\.\w+|Object\.defineProperty|mock\.module|jest\.mock|vi\.mock)\b/,
  /\bprototype\s*(\.|\[)\s*['"`]?\w+['"`]?\]?\s*=[^=]/,
  /\b(assert|expect|test|it|describe|console|chai)\s*(\.\s*\w+\s*)?=[^=>]/,
];

/**
 * Python's standard modules that test runners import while they run. A file of that name in a directory of
 * the import path takes the place of the real one.
 */
const shadowedModules: ReadonlySet<string> = new Set(
  (
    "abc argparse ast asyncio bdb bisect builtins code codecs collections configparser contextlib copy dataclasses " +
    "datetime decimal difflib dis doctest enum errno faulthandler fnmatch functools gc getpass glob hashlib " +
    "importlib inspect io itertools json keyword linecache locale logging math operator os pathlib pdb pickle " +
    "platform pprint queue random re reprlib runpy shlex shutil signal site socket stat string struct subprocess " +
    "sys sysconfig tempfile textwrap threading time tokenize tomllib traceback types typing unittest uuid warnings " +
    "weakref xml zipfile pluggy iniconfig packaging exceptiongroup tomli pygments coverage pytest_cov xdist nose hypothesis"
  ).split(" "),
);

/**
 * `json.py`, or a package `json/` that was not there. `directories` are those of the import path; "" is the
 * root.
 */
export function shadowsModule(
  path: string,
  directories: ReadonlySet<string>,
  existed: (directory: string) => boolean,
): boolean {
  if (!/\.(py|so)$/.test(path)) return false;
  const parts = path.split("/");
  return parts.some((part, at) => {
    const isPackage = at < parts.length - 1;
    return (
      directories.has(parts.slice(0, at).join("/")) &&
      shadowedModules.has(part.split(".")[0] ?? "") &&
      !(isPackage && existed(parts.slice(0, at + 1).join("/")))
    );
  });
}
