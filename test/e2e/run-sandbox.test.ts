// What a model's command cannot do, tried from inside a real run.
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync, rmdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { text, tool, type Handler } from "../support/model-server.ts";
import { goodGreet, json, testKey, withRuns, type RunBed } from "../support/runs.ts";

const run = ["run", "--depth", "code", "--check", "sh test.sh", "Greet the world", "--yes", "--json"];

/** Runs one command as the model's, then solves the task; returns what the command's result was. */
async function asJob(
  command: (bed: RunBed) => Promise<string> | string,
  body: (result: { content: string; isError: boolean }, bed: RunBed) => Promise<void> | void,
  args: string[] = run,
  envOf: (bed: RunBed) => Record<string, string> = () => ({}),
): Promise<void> {
  let bed: RunBed | null = null;
  let line = "true";
  const handler: Handler = (request) =>
    request.turn === 0
      ? [
          tool("run_command", { command: line, timeout_ms: 20_000 }),
          tool("write_file", { path: "greet.sh", content: goodGreet }),
        ]
      : [text("Done.")];
  await withRuns(handler, async (runs) => {
    bed = runs;
    line = await command(bed);
    const env = envOf(runs);
    expect(await runs.loopr(args, { deadlineMs: 45_000, env })).toMatchObject({ code: 0 });
    const result = runs.server.requests[1]?.results[0];
    if (!result) throw new Error("the command was not answered");
    await body(result, runs);
  });
}

test("no network: neither IPv4 nor IPv6, nor names", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  try {
    await asJob(
      () =>
        [
          `(exec 3<>/dev/tcp/127.0.0.1/${port}) 2>/dev/null && echo TCP-REACHED`,
          `(exec 3<>/dev/tcp/::1/${port}) 2>/dev/null && echo TCP6-REACHED`,
          "getent hosts example.com && echo DNS-REACHED",
          "cat /proc/net/route | tail -n +2",
          "echo tried",
        ]
          .map((line) => `bash -c '${line.replaceAll("'", "'\\''")}'`)
          .join("; "),
      ({ content }) => {
        expect(content).toContain("tried");
        expect(content).not.toContain("REACHED");
      },
    );
  } finally {
    server.close();
  }
});

test("not the daemon's socket, not the store, not the records of others", async () => {
  await asJob(
    ({ home }) =>
      `ls -la ${home.dir}; cat ${home.dir}/loopr.db ${home.dir}/daemon.pid; ` +
      `[ -S ${home.dir}/daemon.sock ] && echo SOCKET-SEEN; ls ${home.dir}/projects/*/records && echo RECORDS-SEEN; echo tried`,
    ({ content }) => {
      expect(content).toContain("tried");
      expect(content).not.toMatch(/SOCKET-SEEN|RECORDS-SEEN|SQLite format/);
    },
  );
});

test("not ~/.ssh, ~/.aws or ~/.netrc, and not the key", async () => {
  await asJob(
    ({ home }) => {
      for (const path of [".ssh/id_ed25519", ".aws/credentials", ".netrc", ".config/gh/hosts.yml"]) {
        mkdirSync(join(home.userHome, path, ".."), { recursive: true });
        writeFileSync(join(home.userHome, path), "TOP-SECRET\n");
      }
      return "cat ~/.ssh/id_ed25519 ~/.aws/credentials ~/.netrc ~/.config/gh/hosts.yml; env; cat /proc/[0-9]*/environ | tr '\\0' '\\n'; echo tried";
    },
    ({ content }) => {
      expect(content).toContain("tried");
      expect(content).not.toContain("TOP-SECRET");
      expect(content).not.toContain(testKey);
    },
  );
});

test("not the secrets of the account's own home, wherever HOME points", async () => {
  const account = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"))
    .find((fields) => fields[2] === String(userInfo().uid))?.[5];
  if (account === undefined) return; // no account: nothing to hide
  // What is there already is only looked at; what is not there is made for the test and taken away again.
  const marker = join(account, ".config", "gh");
  const made = !existsSync(marker);
  if (made) mkdirSync(marker, { recursive: true });
  const file = join(marker, `loopr-test-${process.pid}`);
  writeFileSync(file, "TOP-SECRET\n");
  try {
    await asJob(
      () => `cat ${file}; ls -A ${marker}; echo tried`,
      ({ content }, { home }) => {
        expect(home.userHome).not.toBe(account);
        expect(content).toContain("tried");
        expect(content).not.toMatch(/TOP-SECRET|^loopr-test-/m);
      },
    );
  } finally {
    rmSync(file);
    if (made) rmdirSync(marker);
  }
});

test("writes nothing outside its worktree, not even as root with a remount", async () => {
  await asJob(
    ({ home, repo }) =>
      `touch ${home.userHome}/escaped ${repo.dir}/escaped /etc/loopr-escaped; mount -o remount,rw / ; mount -o remount,rw,bind / /; ` +
      `touch /etc/loopr-escaped; echo x > .git; echo hook > ${repo.dir}/.git/hooks/post-checkout; echo tried`,
    ({ content }, { home, repo }) => {
      expect(content).toContain("tried");
      for (const path of [
        join(home.userHome, "escaped"),
        join(repo.dir, "escaped"),
        "/etc/loopr-escaped",
        join(repo.dir, ".git/hooks/post-checkout"),
      ]) {
        expect(existsSync(path)).toBe(false);
      }
    },
  );
});

test("does not outlive its time-out, however it hides", async () => {
  let bed: RunBed | null = null;
  const handler: Handler = (request) =>
    request.turn === 0
      ? [
          tool("run_command", {
            command: "trap '' TERM; (setsid sh -c 'trap \"\" TERM; sleep 31337 & wait') & sleep 31337",
            timeout_ms: 300,
          }),
          tool("write_file", { path: "greet.sh", content: goodGreet }),
        ]
      : [text("Done.")];
  await withRuns(handler, async (runs) => {
    bed = runs;
    expect(await runs.loopr(run, { deadlineMs: 45_000 })).toMatchObject({ code: 0 });
    expect(runs.server.requests[1]?.results[0]?.isError).toBe(true);
    expect((await bed.home.exec("pgrep", ["-f", "sleep 31337"])).code).toBe(1);
  });
});

test("--sandbox none runs unsandboxed and says so everywhere", async () => {
  await asJob(
    ({ home }) => `touch ${home.userHome}/written && echo tried`,
    async (_result, { home, loopr }) => {
      expect(existsSync(join(home.userHome, "written"))).toBe(true);
      const loops = json(await loopr(["list", "--json"]))["loops"] as { id: string }[];
      const status = await loopr(["status", loops[0]?.id ?? "", "-d"]);
      expect(status.stdout).toContain("unsandboxed");
    },
    [...run.slice(0, -1), "--sandbox", "none"],
  );
});

test("nor one in configuration that the environment has moved, or that an installed git calls its system's", async () => {
  const secrets = [
    "glpat-moved-ABCDEFGHIJKLMNOP",
    "c3lzdGVtLWhlYWRlci0xMjM0",
    "gho_movedABCDEFGHIJKLMNOPQRST",
  ];
  const { PATH } = process.env;
  await asJob(
    ({ home }) => {
      const at = (path: string) => join(home.userHome, path);
      for (const folder of ["moved/git", "moved/gh", "moved/loopr", "git/etc", "git/bin"])
        mkdirSync(at(folder), { recursive: true });
      writeFileSync(
        at("moved/git/config"),
        `[url "https://oauth2:${secrets[0]}@gitlab.com/"]\n\tinsteadOf = gl:\n[alias]\n\tmine = log\n`,
      );
      writeFileSync(
        at("git/etc/gitconfig"),
        `[http]\n\textraHeader = "AUTHORIZATION: basic ${secrets[1]}"\n`,
      );
      writeFileSync(at("moved/gh/hosts.yml"), `github.com: { oauth_token: ${secrets[2]} }\n`);
      // /tmp is empty in a sandbox but for what the person opens of it.
      const opened = JSON.stringify([at("moved"), at("git")]);
      writeFileSync(at("moved/loopr/loopr.yml"), `sandbox: { write_allow: ${opened} }\n`);
      return "git config --global -l; cat ~/moved/git/config ~/git/etc/gitconfig; cat ~/moved/gh/hosts.yml; echo tried";
    },
    async ({ content }, { home, server }) => {
      expect(content).toContain("alias.mine=log");
      expect(content).toContain("[http]");
      expect(content).toContain("hosts.yml");
      expect(content).toContain("tried");
      for (const secret of secrets) {
        expect(JSON.stringify(server.requests.map(({ body }) => body))).not.toContain(secret);
        expect((await home.exec("grep", ["-rlaF", secret, home.dir])).stdout).toBe("");
      }
    },
    run,
    ({ home }) => ({
      XDG_CONFIG_HOME: join(home.userHome, "moved"),
      PATH: `${join(home.userHome, "git", "bin")}:${PATH ?? ""}`,
    }),
  );
});

test.each(["auto", "none"])(
  "not a token in the repository's configuration, with sandbox %s: the model, the records and the export have none",
  async (mode) => {
    const token = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
    await asJob(
      ({ home, repo }) => {
        repo.git("remote", "add", "origin", `https://me:${token}@github.com/x/y`);
        repo.git("config", "http.extraHeader", "AUTHORIZATION: basic c2VjcmV0LWhlYWRlci0xMjM0");
        writeFileSync(join(home.userHome, ".env.local"), "KEY=home-env-secret\n");
        const seen = mode === "none" ? "" : "cat ~/.env.local; ";
        return `${seen}git config -l; cat ${repo.dir}/.git/config; git log --oneline -1; echo tried`;
      },
      async ({ content }, { home, loopr }) => {
        expect(content).toContain("remote.origin.url=https://");
        expect(content).toContain("github.com/x/y");
        expect(content).toContain("tried");
        const exported = join(home.userHome, "run.jsonl");
        const id = (json(await loopr(["list", "--json"]))["loops"] as { id: string }[])[0]?.id ?? "";
        expect(await loopr(["export", id, "--output", exported])).toMatchObject({ code: 0 });
        for (const secret of [token, "c2VjcmV0LWhlYWRlci0xMjM0", "home-env-secret"]) {
          expect(content).not.toContain(secret);
          expect((await home.exec("grep", ["-rlaF", secret, home.dir, exported])).stdout).toBe("");
        }
      },
      [...run, ...(mode === "none" ? ["--sandbox", "none"] : [])],
    );
  },
  120_000,
);
