import { expect, test } from "bun:test";
import { joinBaseUrl, secretsOfUrl, splitBaseUrl } from "./base-url.ts";

const cases: [text: string, url: string, user: string, secrets: string[]][] = [
  ["https://api.example.com/v1", "https://api.example.com/v1", "", []],
  ["http://me:PASSWORD@host:1/v1", "http://host:1/v1", "me:PASSWORD@", ["PASSWORD"]],
  ["http://me:p%40ss@host/", "http://host/", "me:p%40ss@", ["p%40ss", "p@ss"]],
  ["https://token-1@host/", "https://host/", "token-1@", ["token-1"]],
  ["http:\\\\me:PASSWORD@host/", "http://host/", "me:PASSWORD@", ["PASSWORD"]],
  ["http://host/a@b", "http://host/a@b", "", []],
  ["http://me:PASSWORD@host:99999/", "host:99999/", "", []],
  ["", "", "", []],
];

for (const [text, url, user, secrets] of cases)
  test(`of ${text || "nothing"} only what is no secret is left`, () => {
    expect(splitBaseUrl(text)).toEqual({ url, user });
    expect(secretsOfUrl(text)).toEqual(secrets);
    if (user !== "") expect(splitBaseUrl(joinBaseUrl({ url, user }))).toEqual({ url, user });
  });
