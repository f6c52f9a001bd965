// Uses SQS as a program with the AWS SDK does; it differs from one for AWS in endpoint, region and
// keys, which come from the environment. Ends with an error where something is not as it should be.
//
// The SDK compares the MD5 of every body that it sends and receives; this is left on.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  paginateListQueues,
  QueueDoesNotExist,
  QueueNameExists,
  ReceiptHandleIsInvalid,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
  TooManyEntriesInBatchRequest,
} from '@aws-sdk/client-sqs'

const sqs = new SQSClient({ maxAttempts: 1 })
const call = (Command, members) => sqs.send(new Command(members))
const md5 = (text) => createHash('md5').update(text).digest('hex')

async function standard() {
  const { QueueUrl } = await call(CreateQueueCommand, {
    QueueName: 'js-plain',
    Attributes: { VisibilityTimeout: '60' },
  })
  assert.equal((await call(GetQueueUrlCommand, { QueueName: 'js-plain' })).QueueUrl, QueueUrl)

  // A long poll that is there before the message comes.
  const waiting = call(ReceiveMessageCommand, {
    QueueUrl,
    WaitTimeSeconds: 20,
    MessageAttributeNames: ['All'],
    MessageSystemAttributeNames: ['All'],
  })
  const MessageBody = 'grün \u{1f331} <b>&"'
  const MessageAttributes = {
    unit: { DataType: 'String', StringValue: '°C' },
    count: { DataType: 'Number', StringValue: '31.50' },
    raw: { DataType: 'Binary.png', BinaryValue: new Uint8Array([0, 255, 7]) },
  }
  const sent = await call(SendMessageCommand, { QueueUrl, MessageBody, MessageAttributes })
  assert.equal(sent.MD5OfMessageBody, md5(MessageBody))
  const [message] = (await waiting).Messages
  assert.equal(message.MessageId, sent.MessageId)
  assert.equal(message.Body, MessageBody)
  assert.equal(message.MD5OfMessageAttributes, sent.MD5OfMessageAttributes)
  assert.deepEqual([...message.MessageAttributes.raw.BinaryValue], [0, 255, 7])
  assert.equal(message.MessageAttributes.count.StringValue, '31.50')
  assert.equal(message.Attributes.ApproximateReceiveCount, '1')
  assert.match(message.Attributes.SentTimestamp, /^\d{13}$/)
  const { ReceiptHandle } = message
  await call(ChangeMessageVisibilityCommand, { QueueUrl, ReceiptHandle, VisibilityTimeout: 90 })
  await call(DeleteMessageCommand, { QueueUrl, ReceiptHandle })

  const entries = Array.from({ length: 10 }, (_, n) => ({ Id: `e${n}`, MessageBody: `m${n}` }))
  entries[3].DelaySeconds = 901
  const batch = await call(SendMessageBatchCommand, { QueueUrl, Entries: entries })
  assert.equal(batch.Successful.length, 9)
  assert.deepEqual(
    batch.Failed.map(({ Id, Code, SenderFault }) => [Id, Code, SenderFault]),
    [['e3', 'InvalidParameterValue', true]],
  )
  const { Messages } = await call(ReceiveMessageCommand, { QueueUrl, MaxNumberOfMessages: 10 })
  assert.equal(Messages.length, 9)
  const handles = Messages.map((got, n) => ({ Id: `d${n}`, ReceiptHandle: got.ReceiptHandle }))
  const deleted = await call(DeleteMessageBatchCommand, { QueueUrl, Entries: handles })
  assert.equal(deleted.Successful.length, 9)
  assert.equal(deleted.Failed, undefined)
  const empty = await call(ReceiveMessageCommand, { QueueUrl })
  assert.equal(empty.Messages, undefined)

  const names = []
  for await (const page of paginateListQueues({ client: sqs, pageSize: 1 }, { QueueNamePrefix: 'js-' })) {
    names.push(...(page.QueueUrls ?? []).map((url) => url.split('/').pop()))
  }
  assert.deepEqual(names, ['js-plain'])
  return QueueUrl
}

async function fifo() {
  const { QueueUrl } = await call(CreateQueueCommand, {
    QueueName: 'js.fifo',
    Attributes: { FifoQueue: 'true', ContentBasedDeduplication: 'true' },
  })
  const say = (MessageBody) => call(SendMessageCommand, { QueueUrl, MessageBody, MessageGroupId: 'g' })
  const first = await say('one')
  await say('two')
  assert.equal((await say('one')).SequenceNumber, first.SequenceNumber)
  const receive = () =>
    call(ReceiveMessageCommand, { QueueUrl, MessageSystemAttributeNames: ['All'] })
  const [one] = (await receive()).Messages
  assert.equal(one.Body, 'one')
  assert.equal(one.Attributes.MessageGroupId, 'g')
  assert.equal((await receive()).Messages, undefined) // its group waits for it
  await call(DeleteMessageCommand, { QueueUrl, ReceiptHandle: one.ReceiptHandle })
  assert.equal((await receive()).Messages[0].Body, 'two')
  await call(DeleteQueueCommand, { QueueUrl })
}

async function errors(QueueUrl) {
  const refused = async (Kind, status, Command, members) => {
    const error = await call(Command, members).then(
      () => assert.fail(`${Kind.name} was to be thrown`),
      (thrown) => thrown,
    )
    assert.ok(error instanceof Kind, `${error.name} instead of ${Kind.name}`)
    assert.equal(error.name, Kind.name)
    assert.equal(error.$metadata.httpStatusCode, status)
    assert.ok(error.message)
    assert.ok(error.$metadata.requestId)
  }
  await refused(QueueDoesNotExist, 400, GetQueueUrlCommand, { QueueName: 'none' })
  await refused(QueueNameExists, 400, CreateQueueCommand, {
    QueueName: 'js-plain',
    Attributes: { VisibilityTimeout: '61' },
  })
  await refused(ReceiptHandleIsInvalid, 404, DeleteMessageCommand, { QueueUrl, ReceiptHandle: 'x' })
  const Entries = Array.from({ length: 11 }, (_, n) => ({ Id: `${n}`, MessageBody: 'x' }))
  await refused(TooManyEntriesInBatchRequest, 400, SendMessageBatchCommand, { QueueUrl, Entries })
  const told = await call(GetQueueAttributesCommand, { QueueUrl, AttributeNames: ['All'] })
  assert.equal(told.Attributes.ApproximateNumberOfMessages, '0')
}

const url = await standard()
await fifo()
await errors(url)
await call(DeleteQueueCommand, { QueueUrl: url })
sqs.destroy()
console.log('all as it should be')
