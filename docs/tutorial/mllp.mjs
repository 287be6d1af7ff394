// As much MLLP as the tutorial's stand-ins need: frames in, frames out.
const START = '\x0b';
const END = '\x1c\r';

export const frame = (message) => `${START}${message}${END}`;
export const idOf = (message) => message.split('\r')[0].split('|')[9];
export const answerTo = (message) => frame(`MSH|^~\\&|||||||ACK|A${idOf(message)}|P|2.5.1\rMSA|AA|${idOf(message)}\r`);

export function eachMessage(socket, handle) {
  let rest = '';
  socket.setEncoding('latin1').on('error', () => {});
  socket.on('data', (chunk) => {
    const parts = (rest + chunk).split(END);
    rest = parts.pop();
    for (const part of parts) handle(part.slice(part.indexOf(START) + 1));
  });
}
