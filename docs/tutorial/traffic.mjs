// The tutorial's traffic: orders to one feed and results to the other, each after the answer to the one before. Ctrl-C ends it.
import { once } from 'node:events';
import { connect } from 'node:net';
import { eachMessage, frame } from './mllp.mjs';

const EVERY_MS = 100;
const FEEDS = [
  { port: 17001, type: 'ORM^O01', letter: 'O' },
  { port: 17002, type: 'ORU^R01', letter: 'R' },
];
let isOver = false;
let answered = 0;
let longestMs = 0;

async function sender({ port, type, letter }) {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  let onAnswer = () => {};
  eachMessage(socket, () => onAnswer());
  for (let number = 1; !isOver; number++) {
    const id = `${letter}${number}`;
    const startedMs = performance.now();
    const answer = new Promise((resolve) => {
      onAnswer = resolve;
    });
    socket.write(frame(`MSH|^~\\&|EMR|CLINIC|LAB|MAIN|20260301120000||${type}|${id}|P|2.5.1\rPID|1||4711\r`), 'latin1');
    await answer;
    answered++;
    longestMs = Math.max(longestMs, performance.now() - startedMs);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  socket.end();
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    isOver = true;
  });
}
console.log('traffic flows; Ctrl-C ends it');
await Promise.all(FEEDS.map(sender));
console.log(`sent ${answered}, answered ${answered}, longest wait ${Math.round(longestMs)} ms`);
