import { expect, test } from "bun:test";
import { defaultDeny } from "./deny.ts";

test("the places of keys, and the home of Loopr wherever it is", () => {
  const deny = defaultDeny({ home: "/home/u", dataDir: "/data/loopr" });
  for (const path of [
    ".ssh",
    ".aws",
    ".gnupg",
    ".docker",
    ".kube",
    ".config/gh",
    ".config/loopr",
    ".loopr",
    ".netrc",
    ".npmrc",
    ".git-credentials",
  ]) {
    expect(deny).toContain(`/home/u/${path}`);
  }
  expect(deny).toContain("/data/loopr");
  expect(new Set(deny).size).toBe(deny.length);
});
