// What vite/client declares; the app has no vite of its own.
interface ImportMeta {
  glob(pattern: string | string[]): Record<string, () => Promise<object>>;
}
