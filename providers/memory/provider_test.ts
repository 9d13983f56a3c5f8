import { testProvider } from "../../tests/provider_conformance.ts";
import { createMemoryProvider } from "./provider.ts";

testProvider("memory provider", () => {
  const provider = createMemoryProvider();
  return Promise.resolve({
    provider,
    image: "program",
    listens: true,
    [Symbol.asyncDispose]: () => provider[Symbol.asyncDispose](),
  });
});
