import { packed } from "./packed.js";

const said = (text: string) => postMessage(text);
packed("fresh-worker").then(said, (error: unknown) => said(`failed: ${String(error)}`));
