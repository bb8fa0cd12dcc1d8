import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { gitFixture } from "../../test/support/git-fixture.ts";
import { configurationAt, noConfigurations } from "./configuration.ts";
import { gitAt } from "./exec.ts";

test("asked again when a file of it has become another, be it one that was not there", async () => {
  const fixture = gitFixture();
  try {
    const root = fixture.repository("repo");
    const gitDir = join(root, ".git");
    const home = join(fixture.root, "home");
    fixture.git(root, "config", "include.path", "../included");
    fixture.git(root, "config", `includeIf.gitdir:${gitDir}.path`, "~/conditional");
    let asked = 0;
    let aheadMs = 0;
    const at = {
      environment: fixture.env,
      gitDir,
      commonDir: gitDir,
      git: (...args: Parameters<ReturnType<typeof gitAt>>) => {
        if (args[0].includes("--list")) asked += 1;
        return gitAt(fixture.env, { kind: "objects", gitDir })(...args);
      },
    };
    const known = noConfigurations();
    const values = async () => {
      const entries = await configurationAt(at, known, () => Date.now() + aheadMs);
      return entries
        .filter(({ key }) => key.startsWith("filter."))
        .map(({ key, value }) => `${key}=${value}`);
    };
    /** Nothing that was just written is believed to stay so. */
    const settled = async () => {
      aheadMs = 1_000;
      await values();
      aheadMs = 0;
      asked = 0;
    };
    await settled();
    expect([await values(), asked]).toEqual([[], 0]);
    const files = {
      [join(gitDir, "config")]: "filter.a.clean",
      [join(root, "included")]: "filter.b.clean",
      [join(home, "conditional")]: "filter.c.clean",
      [join(home, ".gitconfig")]: "filter.d.clean",
    };
    for (const [file, key] of Object.entries(files)) {
      fixture.git(root, "config", "--file", file, key, "1");
      expect([(await values()).includes(`${key}=1`), asked]).toEqual([true, 1]);
      await settled();
      await values();
      expect(asked).toBe(0);
    }
    rmSync(join(root, "included"));
    expect([(await values()).includes("filter.b.clean=1"), asked]).toEqual([false, 1]);
    // What depends on more than on files is asked each time.
    fixture.git(root, "config", "includeIf.onbranch:main.path", "~/never");
    await settled();
    await values();
    expect(asked).toBe(1);
  } finally {
    fixture.remove();
  }
});
