// mqtts, which has a codec of its own; protocol level 4 only.

import { MqttClient, TcpTransport } from 'mqtts'

export async function connect(given, events) {
  const transport = new TcpTransport({ host: '127.0.0.1', port: given.port })
  const client = new MqttClient({ transport, autoReconnect: false })
  const { will } = given
  client.on('message', ({ topic, payload, qosLevel, retained }) =>
    events.message({
      topic,
      payload: payload.toString('base64'),
      qos: qosLevel,
      retain: retained,
      properties: {},
    }),
  )
  client.on('disconnect', () => events.closed())
  client.on('error', () => {}) // 'disconnect' follows
  const connack = await new Promise((resolve, reject) => {
    client.once('connect', resolve)
    client.once('error', reject)
    client.connect({
      clientId: given.client_id,
      clean: given.clean_start,
      keepAlive: 60,
      will: !will ? undefined : {
        topic: will.topic,
        message: Buffer.from(will.payload, 'base64'),
        qosLevel: will.qos,
        retained: will.retain,
      },
    })
  })
  return {
    connack: {
      session_present: connack.sessionPresent,
      reason_code: connack.returnCode,
      properties: {},
    },
    async subscribe({ topic_filter: topic, qos }) {
      try {
        return await client.subscribe({ topic, qosLevel: qos })
      } catch (error) {
        if (error.constructor.name === 'SubscribeError') return 0x80 // its only failure code
        throw error
      }
    },
    async unsubscribe({ topic_filter: topic }) {
      await client.unsubscribe({ topic })
    },
    async publish({ topic, payload, qos, retain }) {
      const message = { topic, payload: Buffer.from(payload, 'base64') }
      await client.publish({ ...message, qosLevel: qos, retained: retain })
    },
    async disconnect() {
      await client.disconnect()
    },
    async die() {
      transport.duplex?.destroy()
    },
  }
}
