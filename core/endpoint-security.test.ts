/** What an inventory may say about TLS, allowed sources and local addresses, and what is refused with which remedy. */
import { expect, test } from 'vitest';
import { GOOD, problemsOf, read } from './inventory.example.ts';

const LEG = 'legacy: { port: 22900, match: { MSH-5: NORTHSIDE } }';
const OTHER_LEG = 'legacy: { port: 22900, match: { MSH-5: SOUTHSIDE } }';
const DESTINATION = 'destination: { host: emr.northside, port: 34001 }';

function withText(from: string, to: string, text = GOOD): string {
  if (!text.includes(from)) throw new Error(`the example has no '${from}'`);
  return text.replace(from, to);
}

test('without a word about it an endpoint is plain, open to everyone, dialled from anywhere', () => {
  const [connection] = read(GOOD).connections;
  expect(connection?.legs.legacy).toMatchObject({ tls: null, sourceAllow: null });
  expect(connection?.destination).toMatchObject({ tls: null, sourceAddress: null });
});

test('listeners and peers carry their TLS, sources and local address', () => {
  const own =
    'port: 21001\n      tls: { cert: tls/a.crt, key: tls/a.key, ca: tls/emr.pem, minVersion: "1.3" }\n      sourceAllow: [10.20.0.7, 10.30.0.0/16, "fd00::/8"]';
  const peer =
    'destination: { host: emr.northside, port: 34001, sourceAddress: 10.20.0.10, tls: { cert: b.crt, key: b.key, ca: emr.pem, serverName: emr } }';
  const inventory = read(withText(DESTINATION, peer, withText('port: 21001', own)));
  expect(inventory.feeds.find((feed) => feed.name === 'northside-orders')).toMatchObject({
    tls: { cert: 'tls/a.crt', key: 'tls/a.key', clientCa: 'tls/emr.pem', minVersion: '1.3' },
    sourceAllow: ['10.20.0.7', '10.30.0.0/16', 'fd00::/8'],
  });
  expect(inventory.connections.find((one) => one.name === 'northside-results')?.destination).toMatchObject({
    tls: { own: { cert: 'b.crt', key: 'b.key' }, ca: 'emr.pem', serverName: 'emr', minVersion: '1.2' },
    sourceAddress: '10.20.0.10',
  });
});

test.each([
  ['tls: { cert: a.crt }', 'key'],
  ['tls: { cert: a.crt, key: a.key, clientAuth: required }', 'needs `ca`'],
  ['tls: { cert: a.crt, key: a.key, ca: c.pem, clientAuth: none }', 'nobody checks `ca`'],
  ['tls: { cert: a.crt, key: a.key, minVersion: "1.1" }', 'minVersion'],
  ['sourceAllow: []', 'sourceAllow'],
  ['sourceAllow: [emr.northside]', 'sourceAllow'],
  ['sourceAllow: [10.0.0.0/33]', 'sourceAllow'],
])('a listener with %s is refused', (entry, hint) => {
  const problems = problemsOf(withText('port: 21001', `port: 21001\n      ${entry}`));
  expect(problems).not.toEqual([]);
  expect(JSON.stringify(problems)).toContain(hint);
});

test.each([
  ['tls: { cert: a.crt }', 'belong together'],
  ['tls: { clientAuth: none }', 'clientAuth'],
  ['sourceAddress: gateway.internal', 'IP address'],
])('a peer with %s is refused', (entry, hint) => {
  const problems = problemsOf(withText(DESTINATION, `destination: { host: emr.northside, port: 34001, ${entry} }`));
  expect(JSON.stringify(problems)).toContain(hint);
});

test('legs that share a port share its protection', () => {
  const tls = ', tls: { cert: a.crt, key: a.key } }';
  const one = withText(LEG, LEG.replace(/ }$/, tls));
  expect(problemsOf(one)[0]).toMatchObject({ path: 'connections[2].legs.legacy.port' });
  expect(problemsOf(one)[0]?.message).toContain('differ in its protection');
  const both = withText(OTHER_LEG, OTHER_LEG.replace(/ }$/, tls), one);
  expect(problemsOf(both)).toEqual([]);
});

test('one peer has one protection, within a shard', () => {
  const same = withText(
    'host: emr.southside, port: 34002',
    'host: emr.northside, port: 34001, sourceAddress: 10.0.0.1',
  );
  expect(problemsOf(same)[0]?.message).toContain('are one peer (emr.northside:34001)');
  const elsewhere = withText(
    'host: emr.southside, port: 34002',
    'host: lis.internal, port: 33001, sourceAddress: 10.0.0.1',
  );
  expect(problemsOf(elsewhere)).toEqual([]);
});
