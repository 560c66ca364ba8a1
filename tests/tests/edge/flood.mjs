// A coordinator's socket that says more than anybody reads: as many messages as the first argument
// says, of 64 KiB each, as fast as they are taken. It prints its port, and then how many are taken.

import { createHash } from "node:crypto";
import { createServer } from "node:http";

const MESSAGES = Number(process.argv[2]);
const BYTES = 64 * 1024;
// A whole binary message and its length in eight bytes (RFC 6455, 5.2).
const message = Buffer.alloc(10 + BYTES, 7);
message.set([0x82, 127]);
message.writeBigUInt64BE(BigInt(BYTES), 2);

const server = createServer((_, answer) => answer.end());
server.on("upgrade", async (request, socket) => {
  const key = request.headers["sec-websocket-key"];
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  socket.on("error", () => socket.destroy());
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept}\r\n\r\n`);
  for (let sent = 1; sent <= MESSAGES; sent++) {
    if (!socket.write(message)) await new Promise((taken) => socket.once("drain", taken));
    if (sent % 16 === 0) console.log(sent);
  }
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
