import { describe, expect, test } from "bun:test";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { cannotClone, cloneTree, leaksInto, matchingPaths } from "./clone.ts";

async function inCheckout(body: (root: string, to: string) => Promise<void>): Promise<void> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "loopr-t-clone-")));
  const root = join(directory, "checkout");
  const to = join(directory, "worktree");
  mkdirSync(root);
  mkdirSync(to);
  try {
    await body(root, to);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function put(path: string, content: string, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content, { mode });
}

const plainCopy = (from: string, to: string) => {
  copyFileSync(from, to);
  return Promise.resolve();
};

describe("cloneTree", () => {
  test("what leads into the checkout or out of it is found and not taken; the rest is, modes included", () =>
    inCheckout(async (root, to) => {
      put(join(root, "packages/own/index.js"), "own");
      put(join(root, "deps/tool/run"), "run", 0o755);
      put(join(root, "deps/.git/config"), "");
      put(join(root, "deps/bin/start"), `#!${root}/deps/python\n`);
      put(join(root, "deps/bin/other"), "#!/bin/sh\n");
      put(join(root, "deps/lib/editable.pth"), `${root}/src\n`);
      put(join(root, "deps/lib/plain.pth"), "import site\n");
      symlinkSync(join(root, "packages/own"), join(root, "deps/absolute"));
      symlinkSync("../packages/own", join(root, "deps/workspace"));
      symlinkSync("../../elsewhere", join(root, "deps/outside"));
      symlinkSync("/bin/sh", join(root, "deps/sh"));
      const leaks = await cloneTree({ root, to, clone: plainCopy }, "deps");
      expect(leaks.sort()).toEqual([
        "deps/absolute",
        "deps/bin/start",
        "deps/lib/editable.pth",
        "deps/outside",
      ]);
      const paths = ["tool/run", "bin/other", "lib/plain.pth", "workspace", "sh"];
      expect(
        await matchingPaths(
          to,
          ["deps/**"],
          (path) => path !== "deps" && !/^deps.(tool|bin|lib)$/.test(path),
        ),
      ).toEqual(paths.map((path) => `deps/${path}`).sort());
      expect(statSync(join(to, "deps/tool/run")).mode & 0o777).toBe(0o755);
      expect(readFileSync(join(to, "deps/tool/run"), "utf8")).toBe("run");
    }));

  test("a file system that cannot share blocks is told from other failures", async () => {
    const failing = (code: string) => () => Promise.reject(Object.assign(new Error(code), { code }));
    await inCheckout(async (root, to) => {
      put(join(root, "deps/a"), "a");
      for (const [code, cannot] of [
        ["ENOTSUP", true],
        ["EXDEV", true],
        ["EACCES", false],
      ] as const) {
        const error: unknown = await cloneTree({ root, to, clone: failing(code) }, "deps").catch(
          (one: unknown) => one,
        );
        expect([code, cannotClone(error)]).toEqual([code, cannot]);
      }
    });
  });
});

test("leaksInto: dependencies installed in a worktree that lead into the checkout", () =>
  inCheckout(async (root, to) => {
    put(join(to, "deps/x/index.js"), "x");
    symlinkSync("x", join(to, "deps/y"));
    symlinkSync("../../checkout/own", join(to, "deps/own"));
    expect(await leaksInto(root, to, ["deps/"])).toEqual(["deps/own"]);
  }));
