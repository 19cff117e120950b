/** Bounds on what is read and made of it; docs/limits.md lists them. */

/** Octets of one file; beyond it the file is refused. */
export const MAX_BIRD_FILE_OCTETS = 16 * 1024 * 1024;
/** Octets of all files together. */
export const MAX_BIRD_TOTAL_OCTETS = 64 * 1024 * 1024;
/** Files inside files, as BIRD has it. */
export const MAX_INCLUDE_DEPTH = 8;
/** Files that one configuration may name. */
export const MAX_INCLUDED_FILES = 256;
/** Characters of a name, as BIRD has it. */
export const MAX_SYMBOL_LENGTH = 64;
/** Brackets and blocks inside each other. */
export const MAX_NESTING = 100;
/** Statements that one filter may become, functions written out. */
export const MAX_FILTER_STATEMENTS = 32_768;
/** Statements that all filters together may become. */
export const MAX_TOTAL_STATEMENTS = 262_144;
/** Functions called inside each other while a filter is written out. */
export const MAX_CALL_DEPTH = 64;
