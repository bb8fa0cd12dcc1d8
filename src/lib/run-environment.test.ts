import { expect, test } from "bun:test";
import { runEnvironment } from "./run-environment.ts";

test("only the allow-list and what env.pass names goes with a run", () => {
  const env = {
    HOME: "/home/ada",
    USER: "ada",
    LOGNAME: "ada",
    SHELL: "/bin/sh",
    PATH: "/bin",
    LANG: "C.UTF-8",
    LC_ALL: "C",
    TZ: "UTC",
    VIRTUAL_ENV: "/venv",
    JAVA_HOME: "/jdk",
    LOOPR_HOME: "/loopr",
    SSL_CERT_FILE: "/certs",
    SSL_CERT_DIR: "/certs.d",
    NODE_EXTRA_CA_CERTS: "/ca",
    https_proxy: "http://proxy",
    NO_PROXY: "localhost",
    NODE_OPTIONS: "--inspect",
    ANTHROPIC_API_KEY: "secret",
    OPENAI_API_KEY: "secret",
    GIT_DIR: "/elsewhere",
    MY_FLAG: "1",
    MISSING: undefined,
  };
  const passed = runEnvironment(env, ["MY_FLAG", "ANTHROPIC_API_KEY", "MISSING"]);
  expect(Object.keys(passed).sort()).toEqual(
    [
      ...["HOME", "USER", "LOGNAME", "SHELL", "PATH", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV", "JAVA_HOME"],
      ...["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "https_proxy", "NO_PROXY", "MY_FLAG"],
    ].sort(),
  );
  expect(passed["PATH"]).toBe("/bin");
});
