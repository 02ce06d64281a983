/** A file of WASM that a Worker imports: a `WebAssembly.Module`. */
declare module "*.wasm" {
  const module: object;
  export default module;
}
