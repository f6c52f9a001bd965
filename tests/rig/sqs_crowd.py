"""Many callers at once, each with its own connection, in a process of their own.

`python -m tests.rig.sqs_crowd` reads a JSON object (endpoint, keys, queues, clients, messages) from
stdin. Each client belongs to one queue: it sends its share, receives what comes, whoever sent it,
and deletes it. When all has been deleted, it prints what was wrong and what the queues say.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from tests.rig.sqs_ledger import Ledger
from tests.rig.sqs_wire import Signer, SqsCaller

HIDDEN_S = 600
BATCH = 10
PATIENCE_S = 90.0


class Crowd:
    """The clients of one queue.

    Args:
        signer: Makes their requests.
        queue: Its name.
        clients: How many.
        messages: How many each of them sends.
    """

    def __init__(self, signer: Signer, queue: str, clients: int, messages: int) -> None:
        self.ledger = Ledger()
        self.queue = queue
        self._signer = signer
        self._url = f"http://{signer.netloc}/000000000000/{queue}"
        self._clients = clients
        self._messages = messages

    async def run(self) -> dict[str, Any]:
        """Do all of it; return faults, counts and depths."""
        try:
            async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
                for number in range(self._clients):
                    group.create_task(self._client(number))
        except TimeoutError:
            self.ledger.faults.append("not all came")
        self.ledger.faults += [f"{name} is lost" for name in self.ledger.missing()]
        self.ledger.check_sequences()
        async with SqsCaller(self._signer) as caller:
            texts = await caller.call(
                "GetQueueAttributes", QueueUrl=self._url, AttributeNames=["All"]
            )
        return {
            "faults": self.ledger.faults,
            "arrivals": self.ledger.arrivals,
            "depths": {
                name: int(text)
                for name, text in texts["Attributes"].items()
                if name.startswith("ApproximateNumber")
            },
        }

    async def _client(self, number: int) -> None:
        names = [f"{number}-{n}" for n in range(self._messages)]
        due = self._clients * self._messages
        async with SqsCaller(self._signer) as caller:
            while self.ledger.arrivals < due:
                if names:
                    # One alone, then many together: both operations have their turn.
                    count = 1 if len(names) % 2 else min(5, len(names))
                    await self._send(caller, names[:count], f"g{number}")
                    del names[:count]
                await self._receive(caller, wait_s=0 if names else 1)

    async def _send(self, caller: SqsCaller, names: list[str], group: str) -> None:
        entries = []
        for name in names:
            self.ledger.sending(name, group if self.queue.endswith(".fifo") else "")
            entries.append({"Id": name, "MessageBody": name})
            if self.queue.endswith(".fifo"):
                entries[-1] |= {"MessageGroupId": group, "MessageDeduplicationId": name}
        if len(entries) == 1:
            alone = {key: text for key, text in entries[0].items() if key != "Id"}
            answers = [await caller.call("SendMessage", QueueUrl=self._url, **alone)]
        else:
            done = await caller.call("SendMessageBatch", QueueUrl=self._url, Entries=entries)
            answers = done["Successful"]
        for name, answer in zip(names, answers, strict=True):
            self.ledger.sent(name, answer, time.monotonic())

    async def _receive(self, caller: SqsCaller, *, wait_s: int) -> None:
        asked_s = time.monotonic()
        answer = await caller.call(
            "ReceiveMessage",
            QueueUrl=self._url,
            MaxNumberOfMessages=BATCH,
            VisibilityTimeout=HIDDEN_S,
            WaitTimeSeconds=wait_s,
            AttributeNames=["ApproximateReceiveCount", "SequenceNumber"],
        )
        found = self.ledger.arrived(answer.get("Messages", []), asked_s, HIDDEN_S)
        if not found:
            return
        # Something lies between, as work does: only then are messages in flight for others.
        await caller.call("GetQueueUrl", QueueName=self.queue)
        for told in found:
            self.ledger.deleting(told, time.monotonic())
        entries = [{"Id": told.name, "ReceiptHandle": told.handle} for told in found]
        done = await caller.call("DeleteMessageBatch", QueueUrl=self._url, Entries=entries)
        if len(done.get("Successful", [])) != len(found):
            self.ledger.faults.append(f"not all were deleted: {done}")
        for told in found:
            self.ledger.deleted(told, time.monotonic())


async def _run(asked: dict[str, Any]) -> dict[str, Any]:
    signer = Signer(asked["endpoint"], asked["keys"])
    clients = asked["clients"] // len(asked["queues"])
    crowds = [Crowd(signer, queue, clients, asked["messages"]) for queue in asked["queues"]]
    began_s = time.monotonic()
    results = await asyncio.gather(*(crowd.run() for crowd in crowds))
    found = {crowd.queue: result for crowd, result in zip(crowds, results, strict=True)}
    return {"queues": found, "seconds": time.monotonic() - began_s}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_run(json.load(sys.stdin)))))
