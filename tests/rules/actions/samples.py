"""One valid action of each kind, with every parameter it has, and ways to change one of them."""

from __future__ import annotations

import copy
from typing import Any

ROLE = "arn:aws:iam::123456789012:role/any"

# Every action with every parameter it has.
VALID: dict[str, dict[str, Any]] = {
    "cloudwatchAlarm": {
        "alarmName": "a", "stateReason": "hot", "stateValue": "ALARM", "roleArn": ROLE,
    },
    "cloudwatchLogs": {"logGroupName": "g", "roleArn": ROLE, "batchMode": True},
    "cloudwatchMetric": {
        "metricNamespace": "n", "metricName": "m", "metricValue": "1", "metricUnit": "Count",
        "metricTimestamp": "1700000000", "roleArn": ROLE,
    },
    "dynamoDB": {
        "tableName": "t", "hashKeyField": "h", "hashKeyValue": "1", "hashKeyType": "NUMBER",
        "rangeKeyField": "r", "rangeKeyValue": "x", "rangeKeyType": "STRING",
        "payloadField": "p", "operation": "INSERT", "roleArn": ROLE,
    },
    "dynamoDBv2": {"putItem": {"tableName": "t"}, "roleArn": ROLE},
    "elasticsearch": {
        "endpoint": "https://e", "index": "i", "type": "t", "id": "1", "roleArn": ROLE,
    },
    "firehose": {
        "deliveryStreamName": "d", "separator": "\r\n", "batchMode": False, "roleArn": ROLE,
    },
    "http": {
        "url": "https://h/x", "confirmationUrl": "https://h",
        "headers": [{"key": "k", "value": "v"}],
        "auth": {"sigv4": {"signingRegion": "r", "serviceName": "s", "roleArn": ROLE}},
        "enableBatching": True,
        "batchConfig": {
            "maxBatchOpenMs": 5, "maxBatchSize": 10, "maxBatchSizeBytes": 131072,
            "batchAcrossTopics": True,
        },
    },
    "influxDB": {
        "destinationArn": "arn", "databaseName": "db", "tableName": "t", "organization": "o",
        "tags": {"site": "x"}, "timestampUnit": "us", "roleArn": ROLE,
        "batchConfig": {
            "maxBatchOpenMs": 1000, "maxBatchSize": 1, "maxBatchSizeBytes": 100,
            "batchAcrossTopics": False,
        },
    },
    "iotAnalytics": {
        "channelName": "c", "channelArn": "arn", "batchMode": True, "roleArn": ROLE,
    },
    "iotEvents": {"inputName": "i", "messageId": "m", "batchMode": False, "roleArn": ROLE},
    "iotSiteWise": {
        "putAssetPropertyValueEntries": [
            {
                "entryId": "e", "assetId": "a", "propertyId": "p", "propertyAlias": "/a",
                "propertyValues": [
                    {
                        "value": {
                            "stringValue": "s", "integerValue": "1", "doubleValue": "1.5",
                            "booleanValue": "true",
                        },
                        "timestamp": {"timeInSeconds": "1", "offsetInNanos": "2"},
                        "quality": "GOOD",
                    }
                ],
            }
        ],
        "roleArn": ROLE,
    },
    "kafka": {
        "destinationArn": "arn", "topic": "t", "key": "k", "partition": "1",
        "headers": [{"key": "k", "value": "v"}],
        "clientProperties": {
            "bootstrap.servers": "k:9092", "acks": "1", "compression.type": "zstd",
            "security.protocol": "SASL_SSL", "key.serializer": "StringSerializer",
            "value.serializer": "ByteBufferSerializer", "ssl.truststore": "t",
            "ssl.truststore.password": "p", "ssl.keystore": "k", "ssl.keystore.password": "p",
            "ssl.key.password": "p", "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.plain.username": "u", "sasl.plain.password": "p", "sasl.scram.username": "u",
            "sasl.scram.password": "p", "sasl.kerberos.keytab": "k",
            "sasl.kerberos.service.name": "n", "sasl.kerberos.krb5.kdc": "k",
            "sasl.kerberos.krb5.realm": "R", "sasl.kerberos.principal": "p",
        },
    },
    "kinesis": {"streamName": "s", "partitionKey": "k", "roleArn": ROLE},
    "lambda": {"functionArn": "arn:aws:lambda:us-east-1:123456789012:function:f:live"},
    "location": {
        "trackerName": "t", "deviceId": "d", "latitude": "1.5", "longitude": "2",
        "timestamp": {"value": "1", "unit": "SECONDS"}, "roleArn": ROLE,
    },
    "openSearch": {
        "endpoint": "https://e", "index": "i", "type": "t", "id": "1", "roleArn": ROLE,
    },
    "republish": {
        "topic": "t", "qos": 1, "roleArn": ROLE,
        "headers": {
            "payloadFormatIndicator": "UTF8_DATA", "contentType": "c", "responseTopic": "r",
            "correlationData": "aGk=", "messageExpiry": "60",
            "userProperties": [{"key": "k", "value": "v"}],
        },
    },
    "s3": {"bucketName": "b", "key": "k", "cannedAcl": "private", "roleArn": ROLE},
    "salesforce": {"url": "https://s", "token": "t" * 40},
    "sns": {"targetArn": "arn", "messageFormat": "JSON", "roleArn": ROLE},
    "sqs": {"queueUrl": "q", "useBase64": True, "roleArn": ROLE},
    "stepFunctions": {"stateMachineName": "s", "executionNamePrefix": "p", "roleArn": ROLE},
    "timestream": {
        "databaseName": "d", "tableName": "t", "dimensions": [{"name": "n", "value": "v"}],
        "timestamp": {"value": "1", "unit": "NANOSECONDS"}, "roleArn": ROLE,
    },
}  # fmt: skip


def with_value(kind: str, path: str, value: object) -> dict[str, Any]:
    """Return the valid action of a kind with one parameter changed; `path` has `/` between keys."""
    action = {kind: copy.deepcopy(VALID[kind])}
    *way, last = path.split("/")
    at: Any = action[kind]
    for key in way:
        at = at[int(key)] if isinstance(at, list) else at[key]
    at[int(last) if isinstance(at, list) else last] = value
    return action


def value_at(action: dict[str, Any], path: str) -> object:
    """Return one parameter of an action, given as one-member object."""
    (at,) = action.values()
    for key in path.split("/"):
        at = at[int(key)] if isinstance(at, list) else at[key]
    return at
