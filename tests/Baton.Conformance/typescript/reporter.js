// One line of JSON for each case that ended: what the .NET runner reads.
export default async function* report(source) {
  for await (const { type, data } of source) {
    if ((type === 'test:pass' || type === 'test:fail') && data.details?.type !== 'suite') {
      const error = data.details?.error;
      yield `${JSON.stringify({ name: data.name, passed: type === 'test:pass', error: error && String(error.cause?.stack ?? error.stack ?? error) })}\n`;
    }
  }
}
