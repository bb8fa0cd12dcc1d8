import { expect, test } from "bun:test";
import { makeRecipes, ownRecipes } from "./make-recipes.ts";

const makefile = `
SH := sh
.PHONY: test
all: build
	cc x.c
build:
	./tools/build.sh
test: lint unit ## all of it
	@echo done
lint: ; -sh ci/lint.sh
unit: | build
	@for f in ci/*.sh; do \\
	  $(SH) $$f || exit 1; done
deploy: build
	./scripts/deploy.sh
bin/%: src/%
	./scripts/compile.sh
x = a:b
`;

const of = (...commands: string[]) => makeRecipes("Makefile", makefile, commands).split("\n");

test("those of the targets that the check asks for, and of what they need", () => {
  const recipes = of("make -j4 test V=1");
  expect(recipes).toContain("sh ci/lint.sh");
  expect(recipes.find((line) => line.startsWith("for "))).toMatch(
    /^for f in ci\/\*\.sh; do\s+\$\{SH\} \$f \|\|/,
  );
  expect(recipes).toContain("./tools/build.sh");
  expect(recipes).not.toContain("./scripts/deploy.sh");
});

test("without one: the first, and those whose name could be any", () => {
  expect(of("cd x && make")).toEqual(["cc x.c", "./tools/build.sh", "./scripts/compile.sh"]);
  expect(of("make -C sub -f Makefile deploy")).toContain("./scripts/deploy.sh");
  expect(of("npm test")).toEqual(["./scripts/compile.sh"]);
  expect(makeRecipes("make.ts", makefile, ["make"])).toBe("");
});

test("those of the very targets that the check asks for, and of what these only stand for", () => {
  const own = (text: string, command: string) => ownRecipes("Makefile", text, [command]).split("\n");
  expect(own("test: prog\n\tsh t.sh\nprog:\n\tsh build.sh\n", "make test")).toEqual(["sh t.sh"]);
  expect(own("test: unit\n\t@echo done\nunit: prog\n\t./run.sh\nprog:\n\tsh build.sh\n", "make -s")).toEqual([
    "echo done",
    "./run.sh",
  ]);
  expect(own("T := a.sh b.sh\nall: ; true\ntest:\n\tsh $(T)\n", "make test")).toEqual([
    "T=a.sh",
    "T=b.sh",
    "sh ${T}",
  ]);
  expect(own("test:\n\tsh t.sh\n", "make lint")).toEqual([""]);
  expect(ownRecipes("x.ts", "test:\n\tsh t.sh\n", ["make test"])).toBe("");
});
