/** What Vite makes of such an import: the address of a file. */
declare module "*?url" {
  const address: string;
  export default address;
}

interface ImportMeta {
  readonly env: {
    readonly PROD: boolean;
    /** The sync server that the page with projects begins with. */
    readonly VITE_SYNC_SERVER?: string;
  };
}
