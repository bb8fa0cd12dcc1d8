// The credentials in a configuration of git: in the URLs of remotes, in headers, in helpers.

export interface Cleaned {
  /** The configuration without them; otherwise line by line as it was. */
  text: string;
  /** What was taken out, as far as it can be told from other words. */
  secrets: string[];
}

/** Shorter ones are words of everyday texts too: those are taken out of the configuration, not known by themselves. */
const secretCharsMin = 8;
/** A user's name of that length is a token: providers take `https://TOKEN@host/`. */
const tokenCharsMin = 16;

const userInUrl = /([a-z][a-z0-9+.-]*:\/\/)([^\s"'/]+)@/gi;
/** Tokens that say by their beginning what they are. */
const knownTokens =
  /\b(?:gh[oprsu]_\w{16,}|github_pat_\w{16,}|gl(?:pat|dt|cbt|ptt|ft|soat)-[\w-]{16,}|npm_\w{16,}|xox[abeoprs]-[\w-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}|sk-[\w-]{20,}|ATBB\w{20,}|dop_v1_\w{32,})/g;
const secretKey = /(token|passw|smtppass|secret|api_?key|oauth|authorization|extraheader|private_?key)/i;
const sectionHead = /^\s*\[\s*([\w.-]+)[^\]"]*(?:"(?:[^"\\]|\\.)*")?\s*\]/;
/** The parts of a header or a helper's script that could be the secret. */
const wordsOfValue = /[^\s"'`;:=,(){}<>|&$\\]+/g;

export function withoutCredentials(config: string): Cleaned {
  const secrets = new Set<string>();
  let section = "";
  const lines = logicalLines(config).map((line) => {
    const head = sectionHead.exec(line);
    if (head) section = (head[1] ?? "").toLowerCase();
    const start = head?.[0] ?? "";
    const rest = line.slice(start.length);
    const key = /^\s*([\w-]+)/.exec(rest)?.[1] ?? "";
    const isSecret = key !== "" && (/^credential(\.|$)/.test(section) || secretKey.test(key));
    if (isSecret) for (const secret of secretsOfValue(rest)) secrets.add(secret);
    return withoutTokens(isSecret ? start : line, secrets);
  });
  return { text: lines.join("\n"), secrets: [...secrets].sort((a, b) => b.length - a.length) };
}

/** A value goes on after a backslash at the end of its line. */
function logicalLines(config: string): string[] {
  const lines: string[] = [];
  for (const line of config.split("\n")) {
    const before = lines.at(-1);
    if (before !== undefined && /(?:^|[^\\])(?:\\\\)*\\\r?$/.test(before))
      lines.push(`${lines.pop()}\n${line}`);
    else lines.push(line);
  }
  return lines;
}

function withoutTokens(line: string, secrets: Set<string>): string {
  return line
    .replace(userInUrl, (whole, scheme: string, userInfo: string) => {
      const found = secretsOfUser(userInfo);
      if (found === null) return whole;
      for (const secret of found) secrets.add(secret);
      return scheme;
    })
    .replace(knownTokens, (token) => {
      secrets.add(token);
      return "";
    });
}

/** Null where it is only a name, such as `git` for SSH. */
function secretsOfUser(userInfo: string): string[] | null {
  const colon = userInfo.indexOf(":");
  const user = colon < 0 ? userInfo : userInfo.slice(0, colon);
  const isToken = user.length >= tokenCharsMin;
  if (colon < 0 && !isToken) return null;
  const password = colon < 0 ? "" : userInfo.slice(colon + 1);
  const found = [...(isToken ? [user] : []), ...(password.length >= secretCharsMin ? [password] : [])];
  // A short password is known together with its user only.
  return [...found, ...(colon < 0 ? [] : [`${userInfo}@`])].flatMap((secret) => [secret, decoded(secret)]);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function secretsOfValue(assignment: string): string[] {
  const value = assignment.slice(assignment.indexOf("=") + 1);
  // Paths and words of a helper's script are no secrets; what is long, or mixes digits and letters, may be.
  return (value.match(wordsOfValue) ?? []).filter(
    (word) =>
      word.length >= secretCharsMin &&
      !word.includes("/") &&
      (/\d/.test(word) || word.length >= tokenCharsMin),
  );
}
