/** What Vite makes of such an import: the address of a file. */
declare module "*?url" {
  const address: string;
  export default address;
}

interface ImportMeta {
  readonly env: { readonly PROD: boolean };
}
