// Code in Go that ends its tests' process with exit code 0: `go test` alone calls that a pass. In a folder of
// long tests, since a sandbox's empty cache has go compile its library first.
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { text, tool } from "../support/model-server.ts";
import { json, withRuns } from "../support/runs.ts";

const hasGo = spawnSync("go", ["version"]).status === 0;
if (!hasGo) console.log("SKIPPED: go is not installed, so that nothing is known of how `go test` ends early");

const files = {
  "go.mod": "module x\n\ngo 1.20\n",
  "a/a.go": 'package a\n\nfunc A() string { return "x" }\n',
  "a/a_test.go":
    'package a\n\nimport "testing"\n\nfunc TestA(t *testing.T) {\n\tif A() != "y" {\n\t\tt.Fatal("no")\n\t}\n}\n',
  "b/b.go": "package b\n",
};
const write = (content: string) => tool("write_file", { path: "a/a.go", content });

test.skipIf(!hasGo)(
  "is refused; the honest change passes, its process's end looked at only where it may exit",
  async () => {
    const replies = [
      [write('package a\n\nimport "os"\n\nfunc init() { os.Exit(0) }\n\nfunc A() string { return "x" }\n')],
      [text("Done.")],
      [write('package a\n\nimport "os"\n\nfunc Quit() { os.Exit(2) }\n\nfunc A() string { return "y" }\n')],
      [text("Done.")],
    ];
    await withRuns(
      replies,
      async ({ loopr, server }) => {
        const args = ["run", "--depth", "code", "--check", "go test ./...", "Say y", "--yes", "--json"];
        const result = await loopr(args, { deadlineMs: 300_000 });
        expect(result).toMatchObject({ code: 0 });
        expect(JSON.stringify(server.requests[2]?.body)).toContain(
          "the test process of x/a ended before its tests did",
        );
        const document = json(await loopr(["evidence", String(json(result)["id"]), "--json"]));
        const named = (document["checks"] as { variant: string; ending: string }[]).filter(
          ({ variant }) => variant === "tests_named",
        );
        expect(named.map(({ ending }) => ending).slice(0, 2)).toEqual(["fewer_tests", "exited"]);
      },
      { files },
    );
  },
  600_000,
);
