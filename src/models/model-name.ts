/** `provider/model`, as errors and records call it. */
export function nameOf(model: { readonly provider: string; readonly modelId: string }): string {
  return `${model.provider.split(".")[0]}/${model.modelId}`;
}
