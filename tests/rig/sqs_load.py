"""Callers that send to one queue, receive from it and delete, until the gateway dies under them.

What they know goes into a ledger. After the restart `settle` sends again what was not answered,
uses the receipt handles from before, and takes everything out.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any

from tests.rig.sqs_ledger import Ledger, Told
from tests.rig.sqs_wire import HungUpError, RefusedError, Signer, SqsCaller

VISIBILITY_S = 1
HOLD_S = 8
PATIENCE_S = 15.0
NAMES = ["ApproximateReceiveCount", "SequenceNumber"]


class Lead:
    """How far sending runs ahead of receiving.

    Args:
        most: How many messages.
    """

    def __init__(self, most: int) -> None:
        self._room = asyncio.Semaphore(most)
        self._ended = False

    async def sending(self) -> None:
        """Wait until one more may be sent.

        Raises:
            HungUpError: The gateway is gone.
        """
        await self._room.acquire()
        if self._ended:
            self._room.release()
            raise HungUpError("the gateway is gone")

    def received(self, count: int) -> None:
        for _ in range(count):
            self._room.release()

    def end(self) -> None:
        """Tell those who wait that the gateway is gone."""
        if not self._ended:
            self._ended = True
            self._room.release()


class Load:
    """The callers of one queue.

    Args:
        signer: Makes their requests.
        queue: Its name.
        name: What names of messages start with; no two loads of a queue share it.
        seed: Of what they do.
        stamp: What the ledger's stamps are.
        holds: Whether some messages are kept in flight on purpose, for longer than the rest.
    """

    def __init__(
        self,
        signer: Signer,
        queue: str,
        name: str,
        seed: int,
        stamp: Callable[[], float] = time.monotonic,
        *,
        holds: bool = True,
    ) -> None:
        self.ledger = Ledger()
        self.queue = queue
        self.fifo = queue.endswith(".fifo")
        self._signer = signer
        self._name = name
        self._seed = seed
        self._stamp = stamp
        self._hold_share = 0.03 if holds else 0.0
        # Receives whose answer is due still: attempt id and visibility timeout.
        self._attempts: dict[str, int] = {}
        # Messages that are kept in flight on purpose, by the attempt they came with.
        self._holds: dict[str, list[Told]] = {}
        self._resent = 0

    @property
    def url(self) -> str:
        return f"http://{self._signer.netloc}/000000000000/{self.queue}"

    # --- under load ------------------------------------------------------------------------------

    async def run(self, senders: int, receivers: int, lead: Lead) -> None:
        """Work until the gateway is gone."""
        async with asyncio.TaskGroup() as group:
            for number in range(senders):
                group.create_task(self._until_gone(self._send, number, lead))
            for number in range(receivers):
                group.create_task(self._until_gone(self._receive, number, lead))

    async def _until_gone(
        self,
        work: Callable[[SqsCaller, int, Lead], Coroutine[Any, Any, None]],
        number: int,
        lead: Lead,
    ) -> None:
        async with SqsCaller(self._signer) as caller:
            try:
                await work(caller, number, lead)
            except OSError:
                lead.end()

    async def _send(self, caller: SqsCaller, worker: int, lead: Lead) -> None:
        rng = random.Random(f"{self._seed} send {worker}")
        number = 0
        group = f"g{worker}" if self.fifo else ""
        while True:
            names = []
            for _ in range(rng.choice((1, 1, 2, 5, 10))):
                await lead.sending()
                names.append(f"{self._name}-{worker}-{number}")
                number += 1
            await self._send_all(caller, names, group)

    async def _send_all(self, caller: SqsCaller, names: list[str], group: str) -> None:
        for name in names:
            self.ledger.sending(name, group)
        entries = [{"MessageBody": name, **self._fifo_ids(name, group)} for name in names]
        if len(entries) == 1:
            answers = [await caller.call("SendMessage", QueueUrl=self.url, **entries[0])]
        else:
            batch = [{"Id": str(n), **entry} for n, entry in enumerate(entries)]
            done = await caller.call("SendMessageBatch", QueueUrl=self.url, Entries=batch)
            assert not done.get("Failed"), done
            answers = done["Successful"]
        stamp = self._stamp()
        for name, answer in zip(names, answers, strict=True):
            self.ledger.sent(name, answer, stamp)

    def _fifo_ids(self, name: str, group: str) -> dict[str, str]:
        # By content where the queue allows it, else the name itself, which says the same.
        explicit = {} if "content" in self.queue else {"MessageDeduplicationId": name}
        return {"MessageGroupId": group, **explicit} if group else {}

    async def _receive(self, caller: SqsCaller, worker: int, lead: Lead) -> None:
        rng = random.Random(f"{self._seed} receive {worker}")
        round_ = 0
        while True:
            round_ += 1
            holds = rng.random() < self._hold_share
            attempt = f"{self._name}-{worker}-{round_}"
            found = await self._take(
                caller,
                attempt,
                HOLD_S if holds else VISIBILITY_S,
                most=rng.choice((1, 3, 10)),
                wait_s=1,
            )
            if holds and found:
                self._holds[attempt] = found
                lead.received(len(found))
                continue
            if rng.random() < 0.1:
                await self._let_go(caller, found)
                continue
            await self._delete(caller, found)
            lead.received(len(found))

    async def _take(
        self, caller: SqsCaller, attempt: str, timeout_s: int, *, most: int, wait_s: int
    ) -> list[Told]:
        asked_s = time.monotonic()
        self._attempts[attempt] = timeout_s
        answer = await caller.call(
            "ReceiveMessage",
            QueueUrl=self.url,
            MaxNumberOfMessages=most,
            VisibilityTimeout=timeout_s,
            WaitTimeSeconds=wait_s,
            AttributeNames=NAMES,
            **({"ReceiveRequestAttemptId": attempt} if self.fifo else {}),
        )
        del self._attempts[attempt]
        return self.ledger.arrived(answer.get("Messages", []), asked_s, timeout_s)

    async def _delete(self, caller: SqsCaller, found: list[Told]) -> None:
        if not found:
            return
        stamp = self._stamp()
        for told in found:
            self.ledger.deleting(told, stamp)
        entries = [{"Id": str(n), "ReceiptHandle": told.handle} for n, told in enumerate(found)]
        done = await caller.call("DeleteMessageBatch", QueueUrl=self.url, Entries=entries)
        stamp = self._stamp()
        for entry in done.get("Successful", []):
            self.ledger.deleted(found[int(entry["Id"])], stamp)

    async def _let_go(self, caller: SqsCaller, found: list[Told]) -> None:
        # The last of a group first: it stays blocked until the first is visible.
        for told in reversed(found):
            held_until_s = self.ledger.letting_go(told)
            try:
                await caller.call(
                    "ChangeMessageVisibility",
                    QueueUrl=self.url,
                    ReceiptHandle=told.handle,
                    VisibilityTimeout=0,
                )
            except RefusedError as refusal:
                if time.monotonic() < held_until_s:  # else it has become visible in the meantime
                    self.ledger.faults.append(f"{told.name}: its handle is refused: {refusal}")

    # --- after the restart -----------------------------------------------------------------------

    async def settle(self, signer: Signer) -> None:
        """Send again, use the old handles, take everything out; then look for faults.

        Args:
            signer: Of the gateway that was started again.
        """
        self._signer = signer
        async with SqsCaller(signer) as caller:
            await self._send_again(caller)
            await self._receive_again(caller)
            await self._use_old_handles(caller)
        await self.drain(4)
        self.ledger.faults += [f"{name} is lost" for name in self.ledger.missing()]
        self.ledger.check_sequences()

    async def _send_again(self, caller: SqsCaller) -> None:
        """Send what was not answered, and some that was: of a FIFO queue, in the same words."""
        if not self.fifo:
            return  # whether it is there will be seen
        rng = random.Random(f"{self._seed} again")
        answered = [told for told in self.ledger.told.values() if told.sent_at is not None]
        for told in rng.sample(answered, min(len(answered), 40)) + self.ledger.unanswered():
            await self._send_all(caller, [told.name], told.group)
            self._resent += 1

    async def _receive_again(self, caller: SqsCaller) -> None:
        """Make the receives again that were not answered, and those whose messages are held."""
        if not self.fifo:
            return
        for attempt, found in self._holds.items():
            counts = [told.count for told in found]
            again = await self._again(caller, attempt, HOLD_S)
            if again != found:
                had, got = [t.name for t in found], [t.name for t in again]
                self.ledger.faults.append(f"{attempt} got {had}, and again {got}")
            elif [told.count for told in again] != counts:
                self.ledger.faults.append(f"{attempt} was counted twice")
        for attempt, timeout_s in list(self._attempts.items()):
            # Now the answer that was lost; or what is next, if it had not been committed.
            await self._delete(caller, await self._again(caller, attempt, timeout_s))

    async def _again(self, caller: SqsCaller, attempt: str, timeout_s: int) -> list[Told]:
        asked_s = time.monotonic()
        answer = await caller.call(
            "ReceiveMessage",
            QueueUrl=self.url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=timeout_s,
            AttributeNames=NAMES,
            ReceiveRequestAttemptId=attempt,
        )
        held = attempt in self._holds
        return self.ledger.arrived(answer.get("Messages", []), asked_s, timeout_s, again=held)

    async def _use_old_handles(self, caller: SqsCaller) -> None:
        """Delete half of what was held over the restart, and make the rest visible."""
        rng = random.Random(f"{self._seed} old handles")
        for found in self._holds.values():
            if rng.random() < 0.5:
                await self._delete(caller, found)
            else:
                await self._let_go(caller, found)

    async def drain(self, callers: int) -> None:
        """Receive and delete until the queue says that it is empty, or patience ends."""
        deadline_s = time.monotonic() + PATIENCE_S
        empty = False

        async def take_all(number: int) -> None:
            nonlocal empty
            round_ = 0
            async with SqsCaller(self._signer) as caller:
                while not empty and time.monotonic() < deadline_s:
                    round_ += 1
                    attempt = f"{self._name}-d{number}-{round_}"
                    found = await self._take(caller, attempt, VISIBILITY_S, most=10, wait_s=1)
                    await self._delete(caller, found)
                    if not found:
                        empty = not any((await self.depths(caller)).values())

        async with asyncio.TaskGroup() as group:
            for number in range(callers):
                group.create_task(take_all(number))
        if not empty:
            self.ledger.faults.append("the queue does not become empty")

    async def depths(self, caller: SqsCaller) -> dict[str, int]:
        """Return how many messages the queue says it has, by AWS's name of their state."""
        texts = await caller.call("GetQueueAttributes", QueueUrl=self.url, AttributeNames=["All"])
        named = texts["Attributes"].items()
        return {name: int(text) for name, text in named if name.startswith("ApproximateNumber")}

    @property
    def summary(self) -> dict[str, int]:
        """What there was to lose, in numbers."""
        told = self.ledger.told.values()
        return {
            "sent": sum(one.sent_at is not None for one in told),
            "deleted": sum(one.deleted_at is not None for one in told),
            "held": sum(len(found) for found in self._holds.values()),
            "sent again": self._resent,
        }
