// MQTT.js, the library, at protocol level 4 and 5.

import mqtt from 'mqtt'

// Where MQTT.js names a property otherwise than in camel case, or wants bytes.
const BYTES = new Set(['correlation_data', 'authentication_data'])
const OTHER = {
  subscription_identifiers: 'subscriptionIdentifier',
  assigned_client_identifier: 'assignedClientIdentifier',
}

const camel = (name) => OTHER[name] ?? name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase())
const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

function toMqttjs(properties = {}) {
  const out = {}
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'user_properties') {
      out.userProperties = {}
      for (const [key, text] of value) (out.userProperties[key] ??= []).push(text)
    } else {
      out[camel(name)] = BYTES.has(name) ? Buffer.from(value, 'base64') : value
      if (name === 'payload_format_indicator') out.payloadFormatIndicator = value === 1
    }
  }
  return out
}

function fromMqttjs(properties = {}) {
  const out = {}
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'userProperties') {
      out.user_properties = Object.entries(value).flatMap(([key, texts]) =>
        [texts].flat().map((text) => [key, text]),
      )
    } else if (name === 'subscriptionIdentifier') {
      out.subscription_identifiers = [value].flat()
    } else if (name === 'payloadFormatIndicator') {
      out.payload_format_indicator = Number(value)
    } else {
      out[snake(name)] = Buffer.isBuffer(value) ? value.toString('base64') : value
    }
  }
  return out
}

export function connect(given, events) {
  const { will } = given
  const client = mqtt.connect({
    host: '127.0.0.1',
    port: given.port,
    protocolVersion: given.level,
    clientId: given.client_id,
    clean: given.clean_start,
    reconnectPeriod: 0,
    resubscribe: false,
    properties: given.level === 5 ? toMqttjs(given.properties) : undefined,
    will: !will ? undefined : {
      topic: will.topic,
      payload: Buffer.from(will.payload, 'base64'),
      qos: will.qos,
      retain: will.retain,
      properties: given.level === 5 ? toMqttjs(will.properties) : undefined,
    },
  })
  let reasonCode
  client.on('disconnect', (packet) => (reasonCode = packet.reasonCode))
  client.on('close', () => events.closed(reasonCode))
  client.on('message', (topic, payload, packet) =>
    events.message({
      topic,
      payload: payload.toString('base64'),
      qos: packet.qos,
      retain: packet.retain,
      properties: fromMqttjs(packet.properties),
    }),
  )

  const opened = {
    async subscribe({ topic_filter: topicFilter, qos, properties }) {
      const options = { qos, properties: given.level === 5 ? toMqttjs(properties) : undefined }
      return new Promise((resolve, reject) =>
        client.subscribe(topicFilter, options, (error, granted, packet) => {
          const codes = error?.packet?.granted ?? packet?.granted
          if (codes) resolve(codes[0].qos ?? codes[0])
          else reject(error)
        }),
      )
    },
    async unsubscribe({ topic_filter: topicFilter }) {
      await client.unsubscribeAsync(topicFilter)
    },
    async publish({ topic, payload, qos, retain, properties }) {
      const options = {
        qos,
        retain,
        properties: given.level === 5 ? toMqttjs(properties) : undefined,
      }
      await client.publishAsync(topic, Buffer.from(payload, 'base64'), options)
    },
    async disconnect({ properties }) {
      const options = given.level === 5 ? { properties: toMqttjs(properties) } : {}
      await client.endAsync(false, options)
    },
    async die() {
      client.stream.destroy()
    },
  }
  return new Promise((resolve, reject) => {
    client.once('error', reject)
    client.once('connect', (packet) => {
      client.off('error', reject)
      client.on('error', () => {}) // 'close' follows
      opened.connack = {
        session_present: packet.sessionPresent,
        reason_code: packet.reasonCode ?? packet.returnCode,
        properties: fromMqttjs(packet.properties),
      }
      resolve(opened)
    })
  })
}
