// Replaced by the build (scripts/build.mjs); running from source has neither.
declare const LOOPR_VERSION: string | undefined;
declare const LOOPR_BUILD: string | undefined;

export const version = typeof LOOPR_VERSION === "string" ? LOOPR_VERSION : "0.0.0-dev";
/** `<time of the newest source, in digits>-<hash of the sources>`: tells builds of one version apart, and their age. */
export const build = typeof LOOPR_BUILD === "string" ? LOOPR_BUILD : "dev";
