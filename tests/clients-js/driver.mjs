// Drives MQTT clients for the tests: a JSON object per line in, a JSON object per line out.
//
//   in:   {"call": 1, "client": "7", "library": "mqttjs", "do": "connect", "with": {...}}
//   out:  {"call": 1, "value": ...}  or  {"call": 1, "error": "..."}
//   out:  {"client": "7", "event": "message", ...}  and  {"client": "7", "event": "closed", ...}
//
// Each library has a file in clients/ that opens a connection and returns the same few functions.
// Properties have the standard's names in lower case with underscores; bytes are in base64.

import { createInterface } from 'node:readline'

const libraries = {
  mqttjs: () => import('./clients/mqttjs.mjs'),
  mqtts: () => import('./clients/mqtts.mjs'),
  u8mqtt: () => import('./clients/u8mqtt.mjs'),
}
const clients = new Map()

const say = (object) => process.stdout.write(`${JSON.stringify(object)}\n`)

async function carryOut({ client, library, do: what, with: given }) {
  if (what === 'connect') {
    const { connect } = await libraries[library]()
    const events = {
      message: (message) => say({ client, event: 'message', ...message }),
      closed: (reasonCode) => say({ client, event: 'closed', reason_code: reasonCode ?? null }),
    }
    const opened = await connect(given, events)
    clients.set(client, opened)
    return opened.connack
  }
  if (what === 'die' && !clients.has(client)) return undefined // it never got a connection
  return clients.get(client)[what](given)
}

// A library that fails out of turn must not end the other clients; the test sees it on stderr.
process.on('unhandledRejection', (error) => console.error('unhandled rejection:', error))

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  carryOut(request).then(
    (value) => say({ call: request.call, value: value ?? null }),
    (error) => say({ call: request.call, error: String(error?.stack ?? error) }),
  )
}
process.exit(0) // the test has closed our input: connections that are still open go with us
