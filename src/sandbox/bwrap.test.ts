import { expect, test } from "bun:test";
import { bwrapOptions, filesInPlace, isBelow, type Mount } from "./bwrap.ts";

function optionsFor(mounts: Mount[], more: Partial<Parameters<typeof bwrapOptions>[0]> = {}): string {
  return bwrapOptions({
    mounts,
    net: false,
    cwd: "/w",
    env: {},
    unset: [],
    statusFd: 3,
    fileFd: 5,
    filterFd: 4,
    ...more,
  }).join(" ");
}

test("every job: no capability, all namespaces of its own, a new session, death with its parent", () => {
  const options = optionsFor([]);
  for (const option of [
    "--die-with-parent",
    "--new-session",
    "--unshare-all",
    "--cap-drop ALL",
    "--ro-bind / /",
    "--dev /dev",
    "--proc /proc",
    "--json-status-fd 3",
    "--seccomp 4",
    "--chdir /w",
  ]) {
    expect(options).toContain(option);
  }
  expect(options).not.toContain("--share-net");
  expect(options).not.toContain("--bind ");
});

test("the network is shared only where it was asked for", () => {
  expect(optionsFor([], { net: true })).toContain("--unshare-all --share-net");
});

test("the environment is set one by one, whatever it holds", () => {
  const options = bwrapOptions({
    mounts: [],
    net: false,
    cwd: "/",
    env: { A: "b c", "--bind": "--x" },
    unset: ["LOOPR_JOB"],
    statusFd: 3,
    fileFd: 5,
    filterFd: 4,
  });
  expect(options.join("|")).toContain("--unsetenv|LOOPR_JOB|--setenv|A|b c|--setenv|--bind|--x|");
});

test.each<[what: string, mounts: Mount[], expected: string]>([
  [
    "outer mounts first: a worktree below a mask is bound after it",
    [
      { kind: "writable", path: "/tmp/w" },
      { kind: "scratch", path: "/tmp" },
    ],
    "--tmpfs /tmp --bind /tmp/w /tmp/w",
  ],
  [
    "masks become read-only at the very end, when what is bound in them has its mount points",
    [
      { kind: "empty", path: "/h/.loopr" },
      { kind: "writable", path: "/h/.loopr/w" },
      { kind: "readonly", path: "/h/.loopr/w/.git", from: "/h/.loopr/w/.git" },
    ],
    "--tmpfs /h/.loopr --bind /h/.loopr/w /h/.loopr/w --ro-bind /h/.loopr/w/.git /h/.loopr/w/.git --remount-ro /h/.loopr",
  ],
  [
    "a mask inside a mask is left out",
    [
      { kind: "scratch", path: "/tmp" },
      { kind: "empty", path: "/tmp/h/.ssh" },
      { kind: "emptyFile", path: "/tmp/h/.netrc" },
    ],
    "--tmpfs /tmp",
  ],
  [
    "a mask inside what was opened again stays a mask",
    [
      { kind: "empty", path: "/h" },
      { kind: "writable", path: "/h/cache" },
      { kind: "emptyFile", path: "/h/cache/token" },
    ],
    "--tmpfs /h --bind /h/cache /h/cache --ro-bind-data 5 /h/cache/token --remount-ro /h",
  ],
  [
    "at the same path what opens wins, and read-only over writable",
    [
      { kind: "empty", path: "/a" },
      { kind: "readonly", path: "/a", from: "/x" },
      { kind: "writable", path: "/a" },
    ],
    "--bind /a /a --ro-bind /x /a",
  ],
  [
    "each empty file has a descriptor of its own",
    [
      { kind: "emptyFile", path: "/a/b" },
      { kind: "emptyFile", path: "/a/a" },
    ],
    "--ro-bind-data 5 /a/a --ro-bind-data 6 /a/b",
  ],
  [
    "a rebuilt directory gets its entries, then what else is mounted in it; a mask in it stays",
    [
      { kind: "empty", path: "/a/d/.ssh" },
      { kind: "writable", path: "/a/d/w/t" },
      { kind: "readonly", path: "/a/d", from: "/x" },
      { kind: "rebuilt", path: "/a/d" },
      { kind: "entry", path: "/a/d/w", from: "/x/w" },
      { kind: "link", path: "/a/d/l", target: "../l" },
      { kind: "rebuilt", path: "/a/d/w" },
    ],
    "--ro-bind /x /a/d --tmpfs /a/d --symlink ../l /a/d/l --ro-bind-try /x/w /a/d/w --tmpfs /a/d/.ssh --tmpfs /a/d/w " +
      "--bind /a/d/w/t /a/d/w/t --remount-ro /a/d --remount-ro /a/d/.ssh --remount-ro /a/d/w",
  ],
  [
    "a name that starts like another is not below it",
    [
      { kind: "empty", path: "/h/.ssh" },
      { kind: "empty", path: "/h/.ssh2" },
    ],
    "--tmpfs /h/.ssh --tmpfs /h/.ssh2 --remount-ro /h/.ssh --remount-ro /h/.ssh2",
  ],
])("%s", (_what, mounts, expected) => {
  expect(optionsFor(mounts)).toContain(`--proc /proc ${expected} --chdir`);
  expect(filesInPlace(mounts).map(({ path }) => path)).toEqual(
    [...expected.matchAll(/--ro-bind-data \d+ (\S+)/g)].map((found) => found[1] ?? ""),
  );
});

test("below means strictly below", () => {
  expect([isBelow("/a/b", "/a"), isBelow("/a", "/a"), isBelow("/ab", "/a"), isBelow("/a", "/")]).toEqual([
    true,
    false,
    false,
    true,
  ]);
});
