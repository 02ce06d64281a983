/**
 * The version of this package, as its package.json has it. A constant, so that it is known also where there
 * are no files to read.
 */
export const PACKAGE_VERSION = "0.1.0";
