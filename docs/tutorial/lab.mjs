// The tutorial's lab: both platforms, the LIS and the EMR's receiver. Ctrl-C: it says what arrived, and ends.
import { connect, createServer } from 'node:net';
import { answerTo, eachMessage, frame, idOf } from './mllp.mjs';

const arrived = [];
/** Of each platform: the output that it sends last. */
const last = new Map();

/** Answers its sender, then sends its output to its leg, one after the other. */
function platform(name, port, legPort) {
  last.set(port, Promise.resolve());
  createServer((socket) =>
    eachMessage(socket, (message) => {
      socket.write(answerTo(message), 'latin1');
      const [header, ...rest] = message.split('\r');
      const output = [header.replace('|EMR|', `|${name}|`), ...rest].join('\r');
      last.set(port, last.get(port).then(() => send(legPort, output)));
    }),
  ).listen(port, '127.0.0.1');
}

function send(port, message) {
  return new Promise((done) => {
    const leg = connect(port, '127.0.0.1', () => leg.write(frame(message), 'latin1'));
    eachMessage(leg, () => leg.end());
    leg.on('close', done);
  });
}

function destination(name, port) {
  createServer((socket) =>
    eachMessage(socket, (message) => {
      arrived.push({ at: name, by: message.split('|')[2], id: idOf(message) });
      socket.write(answerTo(message), 'latin1');
    }),
  ).listen(port, '127.0.0.1');
}

platform('LEGACY', 17101, 17301);
platform('NEW', 17201, 17401);
platform('LEGACY', 17102, 17302);
platform('NEW', 17202, 17402);
destination('LIS', 17501);
destination('EMR', 17502);
console.log('the lab is there: legacy, new, LIS and EMR');

function count() {
  const twice = arrived.length - new Set(arrived.map(({ at, id }) => `${at} ${id}`)).size;
  const number = ({ id }) => Number(id.slice(1));
  const isBehind = (each, index, all) => index > 0 && number(each) < number(all[index - 1]);
  const byDestination = ['LIS', 'EMR'].map((name) => arrived.filter(({ at }) => at === name));
  const behind = byDestination.flatMap((all) => all.filter(isBehind)).length;
  const by = (platform) => arrived.filter((each) => each.by === platform).length;
  console.log(
    `arrived ${arrived.length} (${by('LEGACY')} from legacy, ${by('NEW')} from new), ${twice} twice, ${behind} out of order`,
  );
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    await Promise.all(last.values());
    count();
    process.exit(0);
  });
}
