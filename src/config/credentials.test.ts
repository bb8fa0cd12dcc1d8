import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultConfig, type Config } from "../domain/config.ts";
import { resolveCredentials } from "./credentials.ts";

let scratch: string;
beforeEach(() => (scratch = mkdtempSync(join(tmpdir(), "loopr-keys-"))));
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

function config(settings: Partial<Config["llm"]["providers"]["anthropic"]> = {}): Config {
  const made = structuredClone(defaultConfig);
  Object.assign(made.llm.providers.anthropic, settings);
  return made;
}
function keyFile(text: string): string {
  const path = join(scratch, "key");
  writeFileSync(path, text);
  return path;
}

test("the client's key, then the key file, then the environment that is allowed", () => {
  const withFile = config({ api_key_file: keyFile("from-file\n") });
  const env = { ANTHROPIC_API_KEY: "from-env", ANTHROPIC_BASE_URL: "http://env" };
  const client = { anthropic: { api_key: "from-client", base_url: "http://client" } };
  expect(resolveCredentials(withFile, client, env)).toEqual({
    provider: "anthropic",
    api_key: "from-client",
    base_url: "http://client",
  });
  expect(resolveCredentials(withFile, null, env)).toMatchObject({
    api_key: "from-file",
    base_url: "http://env",
  });
  expect(resolveCredentials(config(), null, env)).toMatchObject({ api_key: "from-env" });
  expect(resolveCredentials(config(), { anthropic: null }, {})).toBeNull();
  expect(resolveCredentials(config(), { anthropic: { api_key: "" } }, {})).toBeNull();
});

test("base_url of the configuration counts where the environment has none", () => {
  const set = config({ base_url: "http://config" });
  expect(resolveCredentials(set, { anthropic: { api_key: "k" } }, {})?.base_url).toBe("http://config");
  expect(resolveCredentials(config(), { anthropic: { api_key: "k" } }, {})?.base_url).toBeNull();
});

test("a server of one's own needs no key", () => {
  const own = { anthropic: { api_key: "", base_url: "http://own" } };
  expect(resolveCredentials(config(), own, {})).toMatchObject({ api_key: "", base_url: "http://own" });
  expect(resolveCredentials(config({ base_url: "http://own" }), null, {})?.api_key).toBe("");
});

test("the scripted model needs no key, and gets none", () => {
  const scripted = config();
  scripted.llm.provider = "scripted";
  expect(resolveCredentials(scripted, { anthropic: { api_key: "k" } }, {})).toBeNull();
});

test("a key file that is missing, empty or no key is named, its content is not", () => {
  const missing = config({ api_key_file: join(scratch, "none") });
  expect(() => resolveCredentials(missing, null, {})).toThrow(/none does not exist/);
  expect(() => resolveCredentials(config({ api_key_file: keyFile(" \n") }), null, {})).toThrow(/is empty/);
  const bad = config({ api_key_file: keyFile("secret one\nsecret two") });
  expect(() => resolveCredentials(bad, null, {})).toThrow(/^(?!.*secret).*blanks/);
});

test("api_key_env names the variable in the daemon's own environment too", () => {
  const set = config({ api_key_env: "WORK_KEY" });
  const env = { ANTHROPIC_API_KEY: "usual", WORK_KEY: "work" };
  expect(resolveCredentials(set, null, env)?.api_key).toBe("work");
});
