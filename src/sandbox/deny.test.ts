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
  const moved = { ".config": ["/x/cfg"], ".cargo": ["/x/cargo"] };
  const further = defaultDeny({ home: "/home/u", dataDir: "/data/loopr", moved }).filter(
    (path) => !deny.includes(path),
  );
  expect(further).toContain("/x/cfg/gh");
  expect(further).toContain("/x/cfg/git/credentials");
  expect(further.filter((path) => path.startsWith("/x/cargo"))).toEqual([
    "/x/cargo/credentials",
    "/x/cargo/credentials.toml",
  ]);
  expect(further.every((path) => path.startsWith("/x/"))).toBe(true);
  expect(deny).toContain("/data/loopr");
  expect(new Set(deny).size).toBe(deny.length);
});
