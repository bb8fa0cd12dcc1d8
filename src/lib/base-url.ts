// The address of a model provider, and the name and password that somebody has put into it: those are secret.

export interface SplitUrl {
  /** Without name and password: this may be stored and shown. */
  url: string;
  /** `name:password@` as it stood there; empty where nothing did. */
  user: string;
}

export function splitBaseUrl(text: string): SplitUrl {
  const url = URL.parse(text);
  // What is no URL reaches no server: what is before an @ is left out for good.
  if (url === null) return { url: text.replace(/^.*@/s, ""), user: "" };
  const { username, password } = url;
  if (username === "" && password === "") return { url: text, user: "" };
  url.username = "";
  url.password = "";
  return { url: url.href, user: `${username}${password && `:${password}`}@` };
}

/** The other way round. */
export function joinBaseUrl({ url, user }: SplitUrl): string {
  return user === "" ? url : url.replace("//", () => `//${user}`);
}

/** What must not be in any text: the password, else the name, which is a token then; as written, and as meant. */
export function secretsOfUrl(text: string): string[] {
  const { user } = splitBaseUrl(text);
  const secret = user.slice(user.indexOf(":") + 1, -1);
  return secret === "" ? [] : [...new Set([secret, decoded(secret)])];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
