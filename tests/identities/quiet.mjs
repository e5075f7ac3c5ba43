// The issuer warns that its store, its sign-in page and this Node.js are not for production: they are for tests. This is
// imported first, because it warns while it is loaded. The standard output is for the test alone.
console.info = console.log = console.warn = () => {};
