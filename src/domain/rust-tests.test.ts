import { describe, expect, test } from "bun:test";
import { codeOf, readRust, rustItems } from "./rust-items.ts";
import { declaresTests, rustTestChanges } from "./rust-tests.ts";

const product = `//! A program. #[test]
use std::{fmt, io};
const BRACE: char = '{'; /* } /* nested */ #[test] */
static TEXT: &'static str = r#"#[test] fn no() { "#;
pub(crate) fn greet<'a>(name: &'a str) -> String { format!("hello {name} \\" }}") }
`;
const tests = `
#[cfg(test)]
mod tests {
    use super::*;

    /// Says it.
    #[test]
    fn greets() {
        assert_eq!(greet("x"), "hello x } //");
    }
}
`;
const lib = product + tests;

/** What becomes of one file's tests. */
function of(after: string | null, before = lib) {
  const { changed, added, asBefore } = rustTestChanges([{ path: "src/lib.rs", before, after }]);
  const what = changed.length > 0 ? "changed" : added.length > 0 ? "added" : "same";
  return { what, content: asBefore.get("src/lib.rs") };
}

test("the items of a file", () => {
  const source = readRust(
    `${lib}trait X { fn y(); }\nimpl<T> X for [T; 2] { fn y() {} }\nmac!(a; b);\n#![deny(x)]`,
  );
  expect(source.masked.length).toBe(source.text.length);
  expect(rustItems(source).map(({ head, attributes }) => [...attributes, head.slice(0, 20)])).toEqual([
    ["use std::{fmt,io}"],
    ["const BRACE:char='{'"],
    ["static TEXT:&'static"],
    ["pub(crate)fn greet<'"],
    ["#[cfg(test)]", "mod tests"],
    ["trait X"],
    ["impl<T>X for[T;2]"],
    ["mac!(a;b)"],
    ["#![deny(x)]"],
  ]);
  const code = readRust('a /* b */ ( "x  y" , 1, ) // c\n  d');
  expect(codeOf(code, 0, code.text.length)).toBe('a("x  y",1)d');
});

describe("tests in a source file are as they were where", () => {
  test.each([
    ["the program changes", lib.replace("hello {name}", "bye {name}").replace("BRACE", "CURLY")],
    [
      "they are laid out otherwise",
      lib.replace("    fn greets() {", "fn greets()\n{ // so").replace("Says", "Said"),
    ],
    ["other items come before and behind them", `fn a() {}\n${lib}#[cfg(not(test))]\nfn real() {}\n`],
    [
      "a test under a condition is the program's",
      lib.replace("pub(crate) fn", "#[cfg(not(test))]\npub(crate) fn"),
    ],
  ])("%s", (_name, after) => {
    expect(of(after)).toEqual({ what: "same", content: undefined });
  });

  test("they move to another file, or within one", () => {
    const moved = [
      { path: "src/lib.rs", before: lib, after: "mod greet;\n" },
      { path: "src/greet.rs", before: null, after: lib },
    ];
    expect(rustTestChanges(moved)).toEqual({ changed: [], added: [], asBefore: new Map() });
    expect(of(`mod inner {\n${lib}}\n`).what).toBe("same");
    expect(of(`#[cfg(any())]\nmod inner {\n${lib}}\n`).what).toBe("changed");
  });
});

describe("tests were changed where", () => {
  test.each([
    ["what they expect is another", lib.replace("hello x", "x")],
    ["one is left out", lib.replace("    fn greets", "    #[ignore]\n    fn greets")],
    ["one is no test any more", lib.replace("    #[test]\n", "")],
    ["one returns early", lib.replace("assert_eq", "return;\nassert_eq")],
    ["their module is compiled never", lib.replace("cfg(test)", "cfg(all(test, any()))")],
    [
      "their module is empty by an inner condition",
      lib.replace("use super::*;", "#![cfg(any())]\nuse super::*;"),
    ],
    [
      "a macro takes the place of the assertions",
      lib.replace("    use", "    macro_rules! assert_eq { ($($t:tt)*) => {} }\n    use"),
    ],
    [
      "another function takes the place of the tested one",
      lib.replace("    use", "    fn greet(_: &str) -> u8 { 1 }\n    use"),
    ],
    ["a new test does", lib.replace("    use", "    #[test]\n    fn greet() {}\n    use")],
    ["what they import is another", lib.replace("super::*", "super::fake::*")],
  ])("%s: with the program as it is now, and the tests as they were", (_name, changed) => {
    const after = changed.replace("hello {name}", "bye {name}");
    expect(of(after)).toEqual({ what: "changed", content: lib.replace("hello {name}", "bye {name}") });
  });

  test("they are gone, by name or by condition", () => {
    expect(of(product)).toEqual({ what: "changed", content: `${product}\n${tests.trim()}\n` });
    const gated = lib.replace("cfg(test)", "cfg(any())");
    const { what, content } = of(gated);
    expect(what).toBe("changed");
    expect(content).toStartWith(gated.slice(0, gated.indexOf("///")).trim());
    expect(content).toEndWith(`\n${tests.trim()}\n`);
    expect(of(null)).toEqual({ what: "changed", content: undefined });
  });

  test("the file, or what they are in, is compiled under other conditions", () => {
    expect(of(`#![cfg(any())]\n${lib}`)).toEqual({ what: "changed", content: undefined });
    const inner = `mod a {\n${lib}}\nmod b;\n`;
    expect(of(`#[cfg(any())]\n${inner}`, inner)).toEqual({ what: "changed", content: undefined });
    expect(
      of(
        `#[cfg(windows)]
mod a {}
#[cfg(unix)]
impl X {}
${inner}`,
        inner,
      ).what,
    ).toBe("same");
    expect(
      of(
        `#[cfg(any())]
${inner}mod a {}
`,
        inner,
      ),
    ).toEqual({ what: "changed", content: undefined });
    expect(of(inner.replace("mod b", '#[path = "c.rs"]\nmod b'), inner).what).toBe("changed");
  });

  test("in modules and implementations", () => {
    const inner =
      "mod a {\n  #[tokio::test]\n  async fn t() { x() }\n  impl X {\n #[cfg(test)] fn y() {}\n }\n}\n";
    const after = inner.replace("x()", "z()").replace("fn y() {}", "fn y() { 1 }");
    expect(of(after, inner)).toEqual({ what: "changed", content: inner });
    expect(of(inner.replace("mod a", "mod c").replace("x()", "z()"), inner).content).toBeUndefined();
  });
});

describe("there are only more tests than before", () => {
  const more = "    #[test]\n    fn more() {}\n}\n";
  test("in a module of tests, without whose additions it is as it was", () => {
    expect(of(`${product}fn b() {}\n${tests.slice(0, -2)}${more}`)).toEqual({
      what: "added",
      content: `${product}fn b() {}\n${tests}`,
    });
  });

  test("in a file that had none, and in a new one", () => {
    expect(of(`${product}\n/// Of it.\n/// All.\n${tests.trim()}\n`, product)).toEqual({
      what: "added",
      content: `${product}\n\n`,
    });
    expect(rustTestChanges([{ path: "a.rs", before: null, after: lib }]).added).toEqual(["a.rs"]);
  });
});

test("modules that are declared for tests alone", () => {
  const file = "mod a;\n#[cfg(test)]\nmod b;\n#[cfg(not(test))]\npub mod c;\nmodel!{}\n";
  expect(["a", "b", "c", "d", "el"].map((name) => declaresTests(file, name))).toEqual([
    false,
    true,
    false,
    null,
    null,
  ]);
});
