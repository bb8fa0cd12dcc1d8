// Work that changes protected files and may: with the plan's or the person's permission, or because the tests
// as they were pass too. And new tests that have to fail on the code before.
import { spawnSync } from "node:child_process";
import { describe, expect, test } from "bun:test";
import { text, tool, type Handler } from "../support/model-server.ts";
import { goodGreet, json, plainPlans, withRuns, writeUserConfig } from "../support/runs.ts";

const files = {
  "hello.sh": '#!/bin/sh\necho "hello"\n',
  "hello_test.sh": '[ "$(sh hello.sh)" = "hello" ]\n',
  "all.sh": 'for t in *_test.sh; do sh "./$t" || exit 1; done\n',
};
const rename = [
  tool("run_command", { command: "mv hello.sh greet.sh && sed -i s/hello.sh/greet.sh/ hello_test.sh" }),
];
const code = ["--depth", "code", "--check", "sh all.sh"];

describe("a task that has to change existing tests", () => {
  test("is refused without permission", async () => {
    await withRuns(
      [rename, [text("Done.")]],
      async ({ loopr, repo }) => {
        const result = await loopr(["run", ...code, "--max-iterations", "1", "Rename", "--yes", "--json"]);
        expect(result.code).toBe(1);
        expect(JSON.stringify(json(result)["failure"])).toContain("protected");
        expect(repo.read("hello.sh")).toContain("hello");
      },
      { files },
    );
  });

  test("is finished with --may-change, and says so in summary, evidence and note", async () => {
    await withRuns(
      [rename, [text("Done.")]],
      async ({ loopr, repo }) => {
        const args = ["run", ...code, "--may-change", "hello_test.sh", "Rename", "--yes"];
        const result = await loopr(args);
        expect(result).toMatchObject({ code: 0 });
        expect(result.stdout).toContain("protected files changed hello_test.sh");
        expect(repo.read("hello_test.sh")).toContain("greet.sh");
        const note = repo.git("notes", "--ref=loopr", "show", "main");
        expect(note).toContain("Protected-Changed: hello_test.sh");
      },
      { files },
    );
  });

  test("is finished where the approved plan lists them", async () => {
    const handler: Handler = ({ tools, turn }) => {
      if (turn > 0) return [text("Done.")];
      if (tools.includes("create_plan")) {
        const name = "Re\u001b[31mname\u202e it";
        const spec = { name, description: "Rename hello.sh", changes_tests: ["hello_test.sh"] };
        return [tool("create_plan", { title: "Rename", summary: "Rename it.", specs: [spec] })];
      }
      return rename;
    };
    await withRuns(
      handler,
      async ({ loopr, repo }) => {
        const result = await loopr(["run", "--check", "sh all.sh", "Rename", "--yes", "--json"]);
        expect(result).toMatchObject({ code: 0 });
        expect(json(result)).toMatchObject({ run_state: "merged", protected_changed: ["hello_test.sh"] });
        expect(repo.read("hello_test.sh")).toContain("greet.sh");
        // Nobody has read it: that is said wherever the run is told of.
        const words = /hello_test.sh \(allowed by the plan, which nobody read\)/;
        expect(json(result)["allowed_unread"]).toEqual(["hello_test.sh"]);
        expect((await loopr(["evidence", String(json(result)["id"])])).stdout).toMatch(words);
        expect((await loopr(["report"])).stdout).toContain("which nobody read: hello_test.sh");
        // What the model calls its spec is the commit's subject, without what a terminal would obey.
        expect(repo.git("log", "-1", "--format=%s")).toBe("Rename it");
      },
      { files },
    );
  });

  test("needs none where the tests as they were pass too; the changed ones are reported", async () => {
    const replies = [
      [
        tool("write_file", { path: "hello_test.sh", content: '[ "$(sh hello.sh)" = "hello" ] # exactly\n' }),
        tool("write_file", { path: "other.sh", content: "echo other\n" }),
      ],
      [text("Done.")],
    ];
    await withRuns(
      replies,
      async ({ loopr, repo }) => {
        const result = await loopr(["run", ...code, "Another", "--yes", "--json"]);
        expect(json(result)).toMatchObject({ run_state: "merged", protected_changed: ["hello_test.sh"] });
        const document = json(await loopr(["evidence", String(json(result)["id"]), "--json"]));
        expect(document["protected_changed"]).toEqual(["hello_test.sh"]);
        expect(document["checks"]).toMatchObject([
          { variant: "baseline" },
          { variant: "candidate", passed: true },
          { variant: "protected_at_base", passed: true },
          { stage: "integration" },
          { stage: "integration" },
        ]);
        expect(repo.read("hello_test.sh")).toContain("exactly");
      },
      { files },
    );
  });
});

const hasMake = spawnSync("make", ["--version"]).status === 0;
test.skipIf(!hasMake)(
  "a Makefile with one more target than before, which the check does not need",
  async () => {
    const Makefile = ".PHONY: test\n\ntest:\n\tsh all.sh\n";
    const clean = "\n# Removes what was built.\n.PHONY: clean\nclean:\n\trm -rf build\n";
    const does = [tool("write_file", { path: "Makefile", content: Makefile + clean })];
    await withRuns(
      [does, [text("Done.")]],
      async ({ loopr, repo }) => {
        const args = ["run", "--depth", "code", "--check", "make test", "--max-iterations", "1"];
        const result = await loopr([...args, "Add a target clean", "--yes", "--json"]);
        expect(result).toMatchObject({ code: 0 });
        expect(json(result)).toMatchObject({ run_state: "merged", protected_changed: [] });
        expect(repo.read("Makefile")).toBe(Makefile + clean);
      },
      { files: { ...files, Makefile } },
    );
  },
);

describe("loopr resume --may-change", () => {
  const own = { ...files, "ci/check.sh": ". ci/lib.sh\nsh all.sh\n", "ci/lib.sh": "set -e\n" };
  const renames = [
    tool("run_command", {
      command: "mv hello.sh greet.sh && sed -i s/hello.sh/greet.sh/ hello_test.sh && echo : >> ci/lib.sh",
    }),
  ];
  const whole = ["run", "--check", "sh ci/check.sh", "--max-iterations", "1", "Rename", "--yes"];

  test("from the refusal, by the command of its hint, to merged; the permission is kept and shown", async () => {
    const handler: Handler = ({ tools, turn }) => {
      if (turn > 0) return [text("Done.")];
      if (!tools.includes("create_plan")) return renames;
      const spec = { name: "Rename", description: "Rename hello.sh", level: "code" };
      return [tool("create_plan", { title: "Rename", summary: "Rename it.", specs: [spec] })];
    };
    await withRuns(
      handler,
      async ({ home, loopr, repo, server }) => {
        writeUserConfig(home, `${plainPlans}limits: { retries: 0 }\n`);
        const refused = await loopr(whole);
        expect(refused.code).toBe(1);
        expect(`${refused.stdout}${refused.stderr}`).toContain(
          "sourced by ci/check.sh, which the check runs",
        );
        const hint = /loopr (resume \S+ --may-change ci\/lib\.sh)$/m.exec(refused.stderr)?.[1] ?? "";
        expect(hint).toMatch(/^resume [0-9a-f]{4,}\.001 /);

        const second = await loopr(hint.split(" "));
        expect(second.stdout).toContain("may change now: ci/lib.sh");
        await loopr(["watch", hint.split(" ")[1] ?? ""]);
        // What it was refused for next is named as well: the test that it changes.
        const status = await loopr(["status", hint.split(" ")[1] ?? ""]);
        expect(status.stdout).toContain("--may-change hello_test.sh");
        const third = await loopr([...hint.split(" ").slice(0, 3), "hello_*.sh"]);
        expect(third).toMatchObject({ code: 0 });
        const id = (hint.split(" ")[1] ?? "").split(".")[0] ?? "";
        expect(await loopr(["watch", id])).toMatchObject({ code: 0 });

        expect(repo.read("hello_test.sh")).toContain("greet.sh");
        const detail = (await loopr(["status", id, "-d"])).stdout;
        expect(detail).toContain("may change  ci/lib.sh, hello_*.sh");
        expect(detail).toContain("ci/lib.sh (with permission), hello_test.sh (with permission)");
        expect(repo.git("notes", "--ref=loopr", "show", "main")).toContain(
          "Protected-Changed: ci/lib.sh, hello_test.sh",
        );
        expect(JSON.stringify(server.requests.at(-1)?.body)).toContain(
          "Protected files that you may change: ci/lib.sh, hello_*.sh",
        );
        const blank = await loopr(["resume", id, "--may-change", " "]);
        expect(blank).toMatchObject({ code: 2 });
        expect(await loopr(["resume", id, "--may-change", "x"])).toMatchObject({ code: 1 });
        expect((await loopr(["status", id])).stdout).not.toContain(", x");
      },
      { files: own },
    );
  });

  test("a check that names the product itself is told at the start, and does not stand in the way for long", async () => {
    const bye = [tool("write_file", { path: "hello.sh", content: "echo bye\n" })];
    await withRuns(
      [bye, [text("Done.")], bye, [text("Done.")]],
      async ({ loopr, repo }) => {
        const args = ["run", "--depth", "code", "--check", "sh hello.sh | grep -q bye", "Part", "--yes"];
        const result = await loopr([...args, "--max-iterations", "1"]);
        expect(result.code).toBe(1);
        expect(result.stderr).toContain(
          "the check's command names hello.sh: protected as a part of the check",
        );
        expect(result.stderr).toContain("where the task has to: --may-change hello.sh");
        const hint = /loopr (resume \S+ --may-change hello\.sh)$/m.exec(result.stderr)?.[1] ?? "";
        expect(await loopr(hint.split(" "))).toMatchObject({ code: 0 });
        expect(await loopr(["watch", hint.split(" ")[1] ?? ""])).toMatchObject({ code: 0 });
        expect(repo.read("hello.sh")).toBe("echo bye\n");
        const again = await loopr([
          "plan",
          "--check",
          "sh hello.sh | grep -q bye",
          "--may-change",
          "hello.sh",
          "X",
        ]);
        expect(`${again.stdout}${again.stderr}`).not.toContain("protected as a part");
      },
      { files },
    );
  });

  test("on_change: ask asks about the check's own files as well, once the check has passed", async () => {
    await withRuns(
      [renames, [text("Done.")]],
      async ({ loopr, repo }) => {
        const args = ["run", "--depth", "code", "--check", "sh ci/check.sh", "Rename", "--yes", "--json"];
        const result = await loopr(args);
        expect(result.code).toBe(6);
        const id = String(json(result)["id"]);
        const shown = (await loopr(["status", id])).stdout;
        expect(shown).toMatch(/- ci\/lib.sh\n.*- hello_test.sh/);
        expect(shown).toContain("+:");
        expect(await loopr(["approve", id])).toMatchObject({ code: 0 });
        expect(await loopr(["watch", id])).toMatchObject({ code: 0 });
        expect(repo.read("ci/lib.sh")).toBe("set -e\n:\n");
        const document = json(await loopr(["evidence", id, "--json"]));
        expect(document["protected_changed"]).toEqual(["ci/lib.sh", "hello_test.sh"]);
      },
      { files: { ...own, ".loopr.yml": "protected: { on_change: ask }\n" } },
    );
  });
});

describe("validation.new_tests_must_fail_on_base", () => {
  const settings = "validation:\n  new_tests_must_fail_on_base: true\n";
  const greenFiles = { ...files, ".loopr.yml": settings };

  test("a new test that passes without the change is feedback; one that fails there is accepted", async () => {
    const replies = [
      [
        tool("write_file", { path: "greet.sh", content: goodGreet }),
        tool("write_file", { path: "greet_test.sh", content: "true\n" }),
      ],
      [text("Done.")],
      [tool("write_file", { path: "greet_test.sh", content: '[ "$(sh greet.sh)" = "hello world" ]\n' })],
      [text("Done.")],
    ];
    await withRuns(
      replies,
      async ({ loopr, repo, server }) => {
        const result = await loopr(["run", ...code, "Greet the world", "--yes", "--json"]);
        expect(result).toMatchObject({ code: 0 });
        const third = JSON.stringify(server.requests[2]?.body);
        expect(third).toContain("Your new tests (greet_test.sh) pass without your change");
        expect(repo.git("log", "-1", "--format=%B")).toContain("Loopr-Iteration: 2");
        const document = json(await loopr(["evidence", String(json(result)["id"]), "--json"]));
        const checks = document["checks"] as { variant: string; passed: boolean }[];
        const onBase = checks.filter(({ variant }) => variant === "new_tests_on_base");
        expect(onBase.map(({ passed }) => passed).slice(0, 2)).toEqual([true, false]);
      },
      { files: greenFiles },
    );
  });

  test("off by default", async () => {
    const replies = [
      [
        tool("write_file", { path: "greet.sh", content: goodGreet }),
        tool("write_file", { path: "greet_test.sh", content: "true\n" }),
      ],
      [text("Done.")],
    ];
    await withRuns(
      replies,
      async ({ loopr }) => {
        expect(await loopr(["run", ...code, "Greet the world", "--yes"])).toMatchObject({ code: 0 });
      },
      { files },
    );
  });
});

describe("protected.on_change: ask", () => {
  const asking = { ...files, ".loopr.yml": "protected: { on_change: ask }\n" };

  test("without a terminal: exit 6; approved, the work is merged as it is", async () => {
    await withRuns(
      [rename, [text("Done.")]],
      async ({ loopr, repo }) => {
        const result = await loopr(["run", ...code, "Rename", "--yes", "--json"]);
        expect(result.code).toBe(6);
        expect(json(result)).toMatchObject({ run_state: "awaiting_approval", waiting_for: "protected" });
        const id = String(json(result)["id"]);
        const shown = (await loopr(["status", id])).stdout;
        expect(shown).toContain("hello_test.sh");
        expect(shown).toContain('+[ "$(sh greet.sh)"');
        expect(await loopr(["approve", id])).toMatchObject({ code: 0 });
        expect(await loopr(["watch", id])).toMatchObject({ code: 0 });
        expect(repo.read("hello_test.sh")).toContain("greet.sh");
        const document = json(await loopr(["evidence", id, "--json"]));
        expect(document).toMatchObject({ run_state: "merged", protected_changed: ["hello_test.sh"] });
      },
      { files: asking },
    );
  });

  test("of a part of a plan; rejected, it goes back to the loop with that", async () => {
    let tries = 0;
    const handler: Handler = ({ tools, turn }) => {
      if (turn > 0) return [text("Done.")];
      if (tools.includes("create_plan")) {
        const spec = { name: "Rename", description: "Rename hello.sh" };
        return [tool("create_plan", { title: "Rename", summary: "Rename it.", specs: [spec] })];
      }
      tries += 1;
      const back = "git show HEAD~1:hello_test.sh > hello_test.sh; cp greet.sh hello.sh";
      return tries === 1 ? rename : [tool("run_command", { command: back })];
    };
    await withRuns(
      handler,
      async ({ loopr, repo, server }) => {
        const result = await loopr(["run", "--check", "sh all.sh", "Rename", "--yes", "--json"]);
        expect(result.code).toBe(6);
        expect(JSON.stringify(json(result)["error"])).toContain("hello_test.sh");
        const child = `${String(json(result)["id"])}-001`;
        expect(await loopr(["reject", child, "-r", "keep the test"])).toMatchObject({ code: 0 });
        const watched = await loopr(["watch", String(json(result)["id"])]);
        expect(watched).toMatchObject({ code: 0 });
        expect(JSON.stringify(server.requests.map(({ body }) => body))).toContain("keep the test");
        expect(repo.read("hello_test.sh")).toBe(files["hello_test.sh"]);
        expect(repo.read("greet.sh")).toContain("hello");
      },
      { files: asking },
    );
  });
});
