// What the app uses of Preact, in the words of its own types: read by the type checker alone, never served.
export * from "preact";
