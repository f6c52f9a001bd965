// u8-mqtt at protocol level 5: a second MQTT 5 codec in JavaScript, with QoS 0 and 1. Three faults
// of version 0.6.7 are gone round here: it joins a user property's name and value, so it is given
// none to send; its `pub` fails at QoS 0; and once a packet has come in two parts it waits for
// that many bytes ever after, so it gets whole packets.

import net from 'node:net'

import { mqtt_v5 as mqtt5 } from 'u8-mqtt/esm/node/basic-v5.js'

function toU8({ user_properties: _, correlation_data: data, ...rest } = {}) {
  return data === undefined ? rest : { ...rest, correlation_data: Buffer.from(data, 'base64') }
}

function fromU8(properties) {
  const out = {}
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (name === 'user_properties') out[name] = Object.entries(value)
    else if (name === 'subscription_identifier') out.subscription_identifiers = [value]
    else out[name] = ArrayBuffer.isView(value) ? Buffer.from(value).toString('base64') : value
  }
  return out
}

async function* wholePackets(socket) {
  let held = Buffer.alloc(0)
  for await (const chunk of socket) {
    held = Buffer.concat([held, chunk])
    for (let size; (size = packetSize(held)) <= held.length; held = held.subarray(size)) {
      yield held.subarray(0, size)
    }
  }
}

function packetSize(bytes) {
  let body = 0
  for (let at = 1; at < bytes.length; at += 1) {
    body += (bytes[at] & 0x7f) * 128 ** (at - 1)
    if (bytes[at] < 0x80) return 1 + at + body
  }
  return Infinity // not all of the length is there
}

export async function connect(given, events) {
  const socket = net.connect(given.port, '127.0.0.1')
  let reasonCode
  socket.on('close', () => events.closed(reasonCode))
  socket.on('error', () => {}) // 'close' follows
  const client = mqtt5({
    log_conn() {},
    on_error() {},
    on_mqtt_type: {
      mqtt_publish(packet, { mqtt }) {
        events.message({
          topic: packet.topic,
          payload: Buffer.from(packet.payload).toString('base64'),
          qos: packet.qos,
          retain: packet.retain,
          properties: fromU8(packet.props),
        })
        if (packet.qos === 1) mqtt.puback(packet).catch(() => {})
      },
      mqtt_disconnect(packet) {
        reasonCode = Number(packet.reason ?? 0)
      },
    },
  })
  client.with_async_iter(wholePackets(socket), (packet) => socket.write(packet))
  const { will } = given
  const [connack] = await client.connect({
    client_id: given.client_id,
    flags: { clean_start: given.clean_start },
    props: toU8(given.properties),
    will: will && {
      topic: will.topic,
      payload: Buffer.from(will.payload, 'base64'),
      qos: will.qos,
      retain: will.retain,
      props: toU8(will.properties),
    },
  })
  return {
    connack: {
      session_present: Boolean(Number(connack.flags) & 1),
      reason_code: Number(connack.reason),
      properties: fromU8(connack.props),
    },
    async subscribe({ topic_filter: topicFilter, qos, properties }) {
      const { subscription_identifiers: identifiers, ...rest } = properties ?? {}
      const props = identifiers ? { ...rest, subscription_identifier: identifiers[0] } : rest
      const [suback] = await client.subscribe({ topics: [topicFilter], qos, props })
      return Number(suback.answers[0])
    },
    async unsubscribe({ topic_filter: topicFilter }) {
      await client.unsubscribe([topicFilter])
    },
    async publish({ topic, payload, qos, retain, properties }) {
      const packet = { topic, payload: Buffer.from(payload, 'base64'), qos, retain }
      const whole = { ...packet, props: toU8(properties) }
      await (qos ? client.pub(whole) : client._send('publish', whole))
    },
    async disconnect({ properties }) {
      await client.disconnect({ props: toU8(properties) })
      socket.end()
    },
    async die() {
      socket.destroy()
    },
  }
}
