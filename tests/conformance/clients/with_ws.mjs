// Node's fetch for tokens, ws for the socket.
import { once } from "node:events";
import WebSocket from "ws";

const env = process.env;
const tell = (what, value) => console.log(JSON.stringify([what, value]));

async function tokenOf(address, who = "CLIENT") {
  const login = Buffer.from(`${env[`${who}_ID`]}:${env[`${who}_SECRET`]}`).toString("base64");
  const answer = await fetch(`${address}/oauth/token`, {
    method: "POST",
    headers: { Authorization: `Basic ${login}` },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
  });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return (await answer.json()).access_token;
}

const connecting = (token) => new WebSocket(env.RELAY, { headers: { Authorization: `Bearer ${token}` } });
const received = async (socket) => (await once(socket, "message"))[0].toString();

await tokenOf(env.WEB);
tell("token of web", "issued");
const token = await tokenOf(env.RELAY_HTTP);
tell("token of relay", "issued");

const socket = connecting(token);
const closed = once(socket, "close");
await once(socket, "open");
const echoed = [];
for (const size of JSON.parse(env.SIZES)) {
  socket.send("x".repeat(size));
  echoed.push((await received(socket)).length);
}
tell("echoed", echoed);

const parts = Number(env.PARTS);
for (let number = 1; number <= parts; number += 1) {
  socket.send("x".repeat(Number(env.PART)), { fin: number === parts });
}
tell("fragments", (await received(socket)).length);

const many = Number(env.MANY);
const numbers = [];
const all = new Promise((done) => {
  socket.on("message", (data) => numbers.push(Number(data)) === many && done());
});
for (let number = 0; number < many; number += 1) socket.send(`${number}`);
await all;
tell("throttled", numbers);

const limited = await tokenOf(env.WEB, "LIMITED");
const first = connecting(limited);
await once(first, "open");
first.close();
const second = connecting(limited);
second.on("error", () => {});
const [, answer] = await once(second, "unexpected-response");
tell("refused", [answer.statusCode, answer.headers["retry-after"]]);
answer.destroy();

tell("waits", "yes");
tell("closed", (await closed)[0]);
