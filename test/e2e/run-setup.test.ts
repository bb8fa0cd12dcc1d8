// worktree.setup: the dependencies that a fresh worktree has not.
import { expect, test } from "bun:test";
import { text, tool } from "../support/model-server.ts";
import { goodGreet, sampleFiles, withRuns } from "../support/runs.ts";

test("runs in worktree and check, once for each state of the manifests, and is restored before each check", async () => {
  const files = {
    ...sampleFiles,
    ".gitignore": "deps/\n",
    "package.json": '{"name":"sample"}\n',
    // Fails where the dependencies are missing or are those of another manifest, and damages them for the next check.
    "check.sh":
      "#!/bin/sh\nset -e\ncmp package.json deps/package.json\n[ ! -e deps/damaged ]\ntouch deps/damaged\nsh test.sh\n",
  };
  const changed = '{"name":"sample","dependencies":{"more":"1.0.0"}}\n';
  const replies = [
    [
      tool("run_command", { command: "cat deps/package.json" }),
      tool("write_file", { path: "greet.sh", content: "#!/bin/sh\necho no\n" }),
    ],
    [text("Done.")],
    [
      tool("run_command", { command: 'wc -l < "$XDG_CACHE_HOME/ran"' }),
      tool("write_file", { path: "package.json", content: changed }),
    ],
    [text("Done.")],
    [
      tool("run_command", { command: 'cat deps/package.json; wc -l < "$XDG_CACHE_HOME/ran"' }),
      tool("write_file", { path: "greet.sh", content: goodGreet }),
    ],
    [text("Done.")],
  ];
  await withRuns(
    replies,
    async ({ repo, server, loopr }) => {
      const setup =
        'mkdir -p deps && cp package.json deps/ && echo ran >> "$XDG_CACHE_HOME/ran"; ' +
        // What it does to tracked files must not count: the check runs on the committed tree.
        'case "$XDG_CACHE_HOME" in */check) echo exit 1 > test.sh ;; esac';
      repo.write(
        ".loopr.yml",
        `validation:\n  command: sh check.sh\nworktree:\n  setup: ${JSON.stringify(setup)}\n`,
      );
      expect(await loopr(["trust"])).toMatchObject({ code: 0 });
      expect(await loopr(["run", "--depth", "code", "Greet the world", "--yes"])).toMatchObject({ code: 0 });
      expect(server.requests[1]?.results[0]?.content).toContain('{"name":"sample"}');
      expect(server.requests[3]?.results[0]?.content).toMatch(/^\s*exit code 0\s+1\s*$/);
      expect(server.requests[5]?.results[0]?.content).toContain('"more"');
      expect(server.requests[5]?.results[0]?.content).toMatch(/\b2\s*$/);
      expect(repo.git("show", "main:package.json")).toBe(changed.trim());
      expect(repo.git("ls-files")).not.toContain("deps");
    },
    { files },
  );
});
