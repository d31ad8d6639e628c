/**
 * The binary of the docs worker as scripts, where a bundler has left the file behind. The page brings them: a worker that
 * imported them itself would have them in one script with all the rest in bundlers that make one file of it.
 */
export async function inlinedDocs(): Promise<{ readonly default: string }> {
  // In two, since bundlers warn of large scripts.
  const first = await import("../../pkg/holdfast_docs_inlined_1.js");
  const second = await import("../../pkg/holdfast_docs_inlined_2.js");
  return { default: first.default + second.default };
}
