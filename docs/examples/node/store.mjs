// A small store in Node (18 or newer) with kafkajs: one program for each way through the contract (docs/your-store.md).
//
//     node store.mjs read                                        until Ctrl-C
//     node store.mjs ship ORDER_ID PACKAGE_ID CARRIER TRACKING
//     node store.mjs options ACCOUNT_ID
//     node store.mjs open ORDER_ID PURPOSE
//
// It is told by ORDERBRIDGE_KAFKA_BOOTSTRAP_SERVERS, ORDERBRIDGE_TOPIC_PREFIX, ORDERBRIDGE_API_URL,
// ORDERBRIDGE_API_TOKEN and STORE_FOLDER. JSON files in that folder stand for your database: the orders, the answers, and
// one for each shipment, so that of two `ship` neither overwrites the other's. Run one `read` at a time.

import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";

const env = process.env;
const prefix = env.ORDERBRIDGE_TOPIC_PREFIX ?? "";
const brokers = (env.ORDERBRIDGE_KAFKA_BOOTSTRAP_SERVERS ?? "127.0.0.1:9092").split(",");
const kafka = new Kafka({ clientId: "my-store", brokers, logLevel: logLevel.ERROR });
const topics = ["order.imported", "order.updated", "order.redacted", "shipment.confirmed", "shipment.rejected"];

const folder = env.STORE_FOLDER ?? ".";
const path = (table) => join(folder, `${table}.json`);
const load = (table) => (existsSync(path(table)) ? JSON.parse(readFileSync(path(table), "utf8")) : {});
function save(table, rows) {
  const new_ = `${path(table)}.${process.pid}.new`;
  writeFileSync(new_, JSON.stringify(rows));
  renameSync(new_, path(table));
}

// What `keep` needs is there. What is no event of the bridge's is passed over, for it would come again and again.
const isText = (value) => typeof value === "string";
const isEvent = (type, event) =>
  type.startsWith("order.")
    ? isText(event?.order_id) && Number.isInteger(event.sequence) && isText(event.personal_data?.state)
    : isText(event?.caused_by);

// Returns only when the event is kept: kafkajs commits what came before, so after a crash the last few come again.
function keep(type, event) {
  if (type.startsWith("order.")) {
    // INSERT … ON CONFLICT (order_id) DO UPDATE … WHERE excluded.sequence > orders.sequence
    const orders = load("orders");
    if (orders[event.order_id]?.sequence >= event.sequence) return console.log(`older ${event.order_id}`);
    save("orders", { ...orders, [event.order_id]: event });
    return console.log(`order ${event.order_id} ${event.amazon_status} ${event.personal_data.state}`);
  }
  const state = type.replace("shipment.", "");
  const note = state === "rejected" ? `${event.message} ${event.what_to_do}` : "";
  const answers = load("answers");
  // Rejected, sent again by a person, confirmed: which of the two is read first nobody knows, and confirmed stands.
  if (answers[event.caused_by]?.state !== "confirmed") save("answers", { ...answers, [event.caused_by]: { state, note } });
  console.log(`${state} ${event.caused_by} ${note}`.trim());
}

async function read() {
  const consumer = kafka.consumer({ groupId: `${prefix}my-store-node`, sessionTimeout: 10_000, heartbeatInterval: 2_000 });
  for (const name of ["SIGINT", "SIGTERM"]) process.once(name, () => consumer.disconnect());
  await consumer.connect();
  await consumer.subscribe({ topics: topics.map((type) => prefix + type), fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ topic, partition, message }) => {
      const type = topic.slice(prefix.length);
      let event;
      try {
        event = JSON.parse(message.value?.toString() ?? "");
      } catch {
        // no JSON is no event
      }
      if (isEvent(type, event)) keep(type, event);
      else console.error(`passed over ${topic}/${partition}/${message.offset}: no event`);
    },
  });
}

async function send(type, key, id, time, value) {
  const headers = {
    ce_specversion: "1.0",
    ce_id: id,
    ce_source: "my-store",
    ce_type: type,
    ce_time: time,
    "content-type": "application/json",
  };
  const producer = kafka.producer();
  await producer.connect();
  try {
    await producer.send({ topic: prefix + type, acks: -1, messages: [{ key, value, headers }] });
  } finally {
    await producer.disconnect();
  }
}

// Written down first, then sent; what was not taken before is sent again, with the same id, time and bytes.
async function ship(order_id, package_id, carrier, tracking_number) {
  const value = JSON.stringify({ order_id, package_id, carrier, tracking_number });
  const id = randomUUID();
  save(`said-${id}`, { id, order_id, time: new Date().toISOString(), value, sent: false });
  const files = readdirSync(folder).filter((name) => /^said-.*\.json$/.test(name));
  const said = files.map((name) => load(name.replace(".json", ""))).sort((one, other) => (one.time < other.time ? -1 : 1));
  for (const one of said.filter(({ sent }) => !sent)) {
    await send("order.shipped", one.order_id, one.id, one.time, one.value);
    save(`said-${one.id}`, { ...one, sent: true });
    console.log(one.id);
  }
}

async function options(account_id) {
  const offer = {
    account_id,
    statuses: [
      { id: "1", name: "New", kind: "new" },
      { id: "4", name: "Shipped", kind: "shipped" },
    ],
    payment_types: [{ id: "14", name: "Amazon", kind: "online" }],
    shipping_methods: [{ id: "3", name: "Priority" }],
  };
  await send("store.options", account_id, randomUUID(), new Date().toISOString(), JSON.stringify(offer));
}

// Shows the buyer of an order, and keeps nothing of it.
async function open(order_id, purpose) {
  const held = load("orders")[order_id]?.personal_data;
  if (!held) throw new Error(`${order_id} is not in the books: \`node store.mjs read\` puts it there.`);
  if (!held.seal) return console.log(JSON.stringify(held)); // placeholder: "Amazon Replaced", or "FBA Orders"
  const answer = await fetch(`${env.ORDERBRIDGE_API_URL ?? "http://127.0.0.1:8403"}/api/v1/personal-data/open`, {
    method: "POST",
    headers: { Authorization: `Bearer ${env.ORDERBRIDGE_API_TOKEN}`, "Content-Type": "application/json" },
    body: JSON.stringify({ purpose, seals: [{ order_id, seal: held.seal }] }),
  });
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
  console.log(JSON.stringify((await answer.json()).seals[0]));
}

const [command, ...words] = process.argv.slice(2);
const [does, takes] = { read: [read, 0], ship: [ship, 4], options: [options, 1], open: [open, 2] }[command] ?? [];
if (takes !== words.length) {
  console.error("node store.mjs read | ship ORDER_ID PACKAGE_ID CARRIER TRACKING | options ACCOUNT_ID | open ORDER_ID PURPOSE");
  process.exit(2);
}
await does(...words).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
