// Prints the errors of SQS as the SDK has them from AWS's own model: {name: [query code, status]}.

import * as sdk from '@aws-sdk/client-sqs'

const errors = {}
for (const [name, shape] of Object.entries(sdk)) {
  const traits = name.endsWith('$') && Array.isArray(shape) ? shape[3] : null
  if (!traits?.error) continue
  errors[name.slice(0, -1)] = [
    traits.awsQueryError?.[0] ?? name.slice(0, -1),
    traits.httpError ?? 400,
  ]
}
console.log(JSON.stringify(errors))
