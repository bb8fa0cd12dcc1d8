import { describe, expect, test } from "bun:test";
import { onlyAddsRules, type MakefileChange } from "./make-additions.ts";

const makefile = `# Builds it.
CC ?= cc
.PHONY: all test

all: app
app: main.o greet.o
	$(CC) -o $@ $^

# The tests
test: app
	./app | grep -q hello
	sh tests/all.sh
`;

function adds(before: string, after: string, more: Partial<MakefileChange> = {}): boolean {
  const files = ["Makefile", "main.c", "greet.c", "tests/all.sh", "docs/a.md"];
  return onlyAddsRules({ before, after, makefiles: [], texts: ["make test"], files, ...more });
}
/** Whether these lines may be put behind a Makefile. */
const appended = (added: string, before = makefile, more: Partial<MakefileChange> = {}) =>
  adds(before, `${before}${added}`, more);
const replaced = (from: string, to: string) => makefile.replace(from, to);

describe("a Makefile that only has more rules does for the check what it did", () => {
  test.each([
    "\nclean:\n\trm -f app *.o\n",
    ".PHONY: clean\nclean: ## Removes what was built\n\t-rm -rf $(CC) \\\n\t  $$(ls)\n",
    "\n# Both.\nclean distclean:\n\trm -f app\n\n\trm -f b\n",
    "fmt:\n\tfmt main.c\nprecommit: fmt test | all\n",
    "lint: main.c\n\tlint main.c # sh\n",
    "install: all\n\tifneq x\n",
  ])("%p", (added) => {
    expect(appended(added)).toBe(true);
  });

  test("between others, named by a .PHONY that was there, and with other comments", () => {
    const between = replaced("# The tests\n", "clean:\n\trm app\n# Tests, and more\n\n").replace(
      "all test",
      "all clean test",
    );
    expect(adds(makefile, between)).toBe(true);
    expect(adds(makefile, makefile)).toBe(true);
    expect(adds("all:\n\ttrue", "all:\n\ttrue\n\nclean:\n\ttrue")).toBe(true);
  });

  test("as in projects", () => {
    const before = `BINARY = app
VERSION := $(shell git describe --tags)
FLAGS ?= -X main.version=$(VERSION)
SOURCES = $(wildcard *.go)
ifeq ($(OS),Windows_NT)
  BINARY := app.exe
endif

.PHONY: all build test help
all: build test

build: $(BINARY)
$(BINARY): $(SOURCES) go.mod
\tgo build -ldflags "$(FLAGS)" -o $@ .

test: ## Runs them
\tgo test ./... && printf '%s' ok

help:
\t@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk 'BEGIN {FS = ":"}; {printf "%-20s %s", $$1, $$2}'
`;
    expect(appended("\n.PHONY: clean\nclean: ## Removes it\n\trm -f $(BINARY)\n", before)).toBe(true);
    expect(appended("\nclean: test\n", before.replace("test help", "test help clean"))).toBe(false);
  });

  test("beside names that are told when make runs, where these cannot make up the new one", () => {
    const before = `${makefile}OBJS := $(patsubst %.c,build/%.o,$(wildcard *.c))\nlib: $(OBJS)\n\tar $(OBJS)\n`;
    expect(appended("clean:\n\trm\n", before)).toBe(true);
    expect(appended("clean:\n\trm\n", before, { texts: ["make -j$(nproc) test"] })).toBe(true);
  });
});

describe("it counts as changed where it", () => {
  const hostile: readonly (readonly [what: string, added: string])[] = [
    ["has a rule for what the check needs", "test:\n\ttrue\n"],
    ["has another prerequisite for it", "test: prepare\nprepare:\n\techo exit 0 > tests/all.sh\n"],
    ["makes by a rule what an implicit one made", "greet.o:\n\tcp fake.o greet.o\n"],
    ["makes a file that is there", "main.c:\n\ttrue\n"],
    ["makes a directory that is there", "docs:\n\ttrue\n"],
    ["makes a file below one", "tests/all.sh:\n\ttrue\n"],
    ["makes itself", "makefile:\n\trm -r tests\n"],
    ["has a pattern rule", "%.o: %.x\n\ttrue\n"],
    ["has a rule for anything", "%:\n\ttrue\n"],
    ["has a suffix rule", ".x.o:\n\ttrue\n"],
    ["sets a variable", "CC = true\n"],
    ["sets one for a target", "test: SHELL = /bin/true\n"],
    ["sets one for the new target alone", "clean: CC = true\n"],
    ["exports one", "clean:\n\ttrue\nexport PATH\n"],
    ["exports one for a target", "clean: export CC\n\ttrue\n"],
    ["calls eval", "$(eval SHELL=/bin/true)\n"],
    ["calls eval among the prerequisites", "clean: $(eval SHELL=/bin/true)\n\ttrue\n"],
    ["calls eval in a recipe", "clean:\n\t$(eval SHELL=/bin/true)\n"],
    ["calls the shell", "clean: $(shell rm -r tests)\n\ttrue\n"],
    ["has a variable for a name", "$(X): ; true\nX = test\n"],
    ["defines something", "define X\nclean:\nendef\n"],
    ["includes something", "clean:\n\ttrue\n-include more.mk\n"],
    ["has a conditional", "ifdef X\nclean:\n\ttrue\nendif\n"],
    ["has a double-colon rule", "clean::\n\ttrue\n"],
    ["has grouped targets", "clean more &:\n\ttrue\n"],
    ["has a recipe in its line", "clean: ; true\n"],
    ["adds a target of the check to .PHONY", ".PHONY: app\n"],
    ["adds one beside a new one", ".PHONY: clean app\nclean:\n\ttrue\n"],
    ["ignores errors", ".IGNORE:\n"],
    ["ignores those of the check", ".IGNORE: test\n"],
    ["calls for other shells", ".ONESHELL:\n"],
    ["has another first goal", ".DEFAULT_GOAL := clean\nclean:\n\ttrue\n"],
    ["mixes .PHONY with a name", ".PHONY clean: test\n\ttrue\n"],
    ["ends in a continuation", "clean:\n\ttrue \\\n"],
    ["ends a line in two backslashes", "clean:\n\ttrue \\\\\n"],
    ["adds to the recipe before", "\ttrue\n"],
    ["needs what nothing makes", "clean: nowhere.y\n\ttrue\n"],
    ["hides a line by a control character", "clean:\n\ttrue\r\n"],
    ["begins with a space and sets a variable", "  SHELL := true\n"],
  ];
  test.each(hostile)("%s", (_what, added) => {
    expect(appended(added)).toBe(false);
  });

  test("has a rule before the first one, or none was there", () => {
    expect(adds(makefile, `clean:\n\ttrue\n${makefile}`)).toBe(false);
    expect(adds(makefile, replaced("\nall: app", "clean:\n\ttrue\nall: app"))).toBe(false);
    expect(adds("X = 1\n", "X = 1\nclean:\n\ttrue\n")).toBe(false);
  });

  test("takes away the recipe of a rule, or its line", () => {
    const steals = "clean:\n\ttrue\n";
    expect(adds(makefile, replaced("\t./app", `${steals}\t./app`))).toBe(false);
    expect(adds(makefile, replaced("\t./app", `clean:\n\t./app`))).toBe(false);
    expect(adds(makefile, replaced("test: app\n", "clean: \\\ntest: app\n"))).toBe(false);
    expect(adds(makefile, replaced("test: app\n", "clean:\n\ttrue \\\ntest: app\n"))).toBe(false);
    expect(adds(makefile, replaced("# The tests\n", "clean:\n\ttrue\n# The tests \\\n"))).toBe(false);
    expect(adds(makefile, replaced("\tsh tests/all.sh\n", ""))).toBe(false);
    expect(adds(makefile, replaced("./app |", "true |"))).toBe(false);
    const inside = "all:\n\ttrue\ntest:\nifdef X\n\tsh a.sh\nelse\n\tsh b.sh\nendif\n";
    expect(adds(inside, inside.replace("ifdef", `${steals}ifdef`))).toBe(false);
    const conditional = "all:\n\ttrue\nifdef X\ntest:\n\tsh a.sh\nendif\n";
    expect(adds(conditional, conditional.replace("endif", `${steals}endif`))).toBe(false);
    expect(appended(steals, conditional)).toBe(true);
  });

  const needed: readonly (readonly [
    what: string,
    before: string,
    name: string,
    more?: Partial<MakefileChange>,
  ])[] = [
    ["a pattern rule made it", "test-%:\n\tsh $*.sh\n", "test-unit"],
    ["a pattern rule needs it", "run-%: suite-%\n\ttrue\n", "suite-unit"],
    ["a rule makes anything", "%:\n\t$(MAKE) -C sub $@\n", "clean"],
    ["its name is put together", "A = un\nB = it\nready: $(A)$(B)\n", "unit"],
    ["its name is put together of files", "ready: $(addprefix run-,$(wildcard *))\n", "run-docs"],
    ["its name comes from a program", "L := $(shell cat l)\nready: $(L)\n", "clean"],
    [
      "its name comes from a program by way of variables",
      "A := $(B)\nB := $(shell cat l)\nready: $(A)\n",
      "clean",
    ],
    ["a variable's name is told by another one", "A_B := $(shell cat l)\nready: $($(X)_B)\n", "clean"],
    ["what is asked for comes from a program", "A != cat l\nready:\n\t$(MAKE) $(A)\n", "clean"],
    ["a second expansion tells", ".SECONDEXPANSION:\nready: $$(X)\n", "clean"],
    ["recipes begin otherwise", ".RECIPEPREFIX = >\n", "clean"],
    ["what it includes is unknown", "include $(X)\n", "clean"],
    ["another Makefile has a rule for anything", "", "clean", { makefiles: ["%:\n\ttrue\n"] }],
    ["another Makefile generates rules", "", "clean", { makefiles: ["$(eval x: y)\n"] }],
    ["another Makefile names it", "", "clean", { makefiles: ["ready: clean\n"] }],
    ["the check asks for it", "", "clean", { texts: ["make clean || true; make test"] }],
    ["a program of the check asks for it", "", "clean", { texts: ['run(["make", "clean"])'] }],
    [
      "the check asks for all that begin alike",
      "",
      "test-x",
      {
        texts: ["for t in $(grep -o '^test-[a-z]*' Makefile); do make $t; done"],
      },
    ],
    ["the check asks make for its rules", "", "zap", { texts: ["make -qp | awk /x/ | xargs -n1 make"] }],
  ];
  test.each(needed)("has a new target where %s", (_what, more, name, request = {}) => {
    expect(appended(`${name}:\n\ttrue\n`, `${makefile}${more}`, request)).toBe(false);
  });
});
