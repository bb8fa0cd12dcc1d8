import { describe, expect, test } from "bun:test";
import type { PlanArtifact } from "../domain/artifacts.ts";
import { parsePlanFile, renderPlanFile, withProblems } from "./plan-file.ts";

const plan: PlanArtifact = {
  title: "Louder: letters # really",
  summary: 'Make both letters loud.\n\n- and `quoted: "things"`\n',
  specs: [
    {
      name: "loud a",
      description: "Make a.sh print A.\n\tA tab, trailing blanks  \nand an é",
      depends_on: [],
      level: "code",
      acceptance: ["it prints A", "yes"],
      changes_tests: ["test/*.sh"],
    },
    {
      name: "2",
      description: "x: y",
      depends_on: ["loud a"],
      level: "spec",
      acceptance: [],
      changes_tests: [],
    },
  ],
};
const head = { id: "a1b2", version: 3, levels: "auto" };

describe("a plan as a file", () => {
  test("what is written is what is read", () => {
    const text = renderPlanFile(plan, head);
    expect(parsePlanFile(text)).toEqual({ kind: "plan", plan });
    expect(text).toContain("# The plan of a1b2, version 3.");
    expect(text).not.toContain("do not count");
    expect(renderPlanFile(plan, { ...head, levels: "plan,code" })).toContain("do not count");
  });

  test("JSON is read as well; what has a default may be left out", () => {
    const short = { title: "t", summary: "s", specs: [{ name: "n", description: "d" }] };
    expect(parsePlanFile(JSON.stringify(short))).toMatchObject({
      plan: { specs: [{ level: "code", depends_on: [] }] },
    });
  });

  test.each(["", "\n\n", "# only\n# comments\n"])("nothing: %j", (text) => {
    expect(parsePlanFile(text)).toEqual({ kind: "empty" });
  });

  const valid = "title: t\nsummary: s\nspecs:\n  - name: n\n    description: d\n";
  test.each([
    ["no YAML", "title: [\n", 2, "not valid YAML"],
    ["another kind of thing", "- a\n", 1, "the plan: "],
    ["an unknown key", `${valid}    levle: code\n`, 4, "levle"],
    ["a wrong level", `${valid}    level: fast\n`, 6, "specs[1].level"],
    ["a missing description", "title: t\nsummary: s\nspecs:\n  - name: n\n", 4, "specs[1].description"],
    ["no specs", "title: t\nsummary: s\nspecs: []\n", 3, "specs: "],
    ["an unknown dependency", `${valid}    depends_on: [x]\n`, null, 'depends on "x"'],
    ["a bundle of aliases", `a: &a [x, x, x, x, x, x, x, x, x]\n${bundle()}`, 1, "the plan: "],
  ])("%s is told with its line", (_name, text, line, message) => {
    const file = parsePlanFile(text);
    const [problem] = file.kind === "problems" ? file.problems : [];
    expect(problem).toMatchObject({ line });
    expect(problem?.message).toContain(message);
    expect(problem?.message).not.toContain("Invalid input");
  });

  test("problems stand above the text, are replaced by the next ones, and their lines are the text's then", () => {
    const text = `${valid}    level: fast\n`;
    const file = parsePlanFile(text);
    const problems = file.kind === "problems" ? file.problems : [];
    const shown = withProblems(withProblems(text, [...problems, ...problems]), problems);
    expect(shown).toStartWith("# ERROR: line 7: specs[1].level: ");
    expect(shown.split("\n")[6]).toContain("level: fast");
    expect(parsePlanFile(shown)).toEqual(file);
  });
});

function bundle(): string {
  const names = ["a", "b", "c", "d", "e", "f"];
  return names
    .slice(1)
    .map(
      (name, at) =>
        `${name}: &${name} [${Array(9)
          .fill(`*${names[at] ?? ""}`)
          .join(", ")}]\n`,
    )
    .join("");
}
