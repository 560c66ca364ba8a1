// A coordinator's socket, as the tests of sockets need one: it says what it is told, and closes when
// it is told to. What reached it of the request's head is its first word.

export default {
  fetch(request) {
    if (request.headers.get("upgrade") !== "websocket") return new Response("no socket", { status: 426 });
    const { 0: client, 1: ours } = new WebSocketPair();
    ours.accept();
    ours.send(JSON.stringify({ url: new URL(request.url).pathname, stated: request.headers.has("plue-caller") }));
    ours.addEventListener("message", ({ data }) => {
      if (data === "close") ours.close(4001, "as you wish");
      else ours.send(data);
    });
    return new Response(null, { status: 101, webSocket: client });
  },
};
