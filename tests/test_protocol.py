"""The data plane's transport: what a turn says leaves once, in order, and nothing is lost."""

import asyncio

from p13n.server.protocol import HeldTransport, Outbox


class Wire(asyncio.Transport):
    """Remembers what reaches it."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.said.append(bytes(data))

    def close(self) -> None:
        self.said.append(b"<closed>")

    def is_closing(self) -> bool:
        return b"<closed>" in self.said


async def turn() -> None:
    """Lets the loop come round."""
    await asyncio.sleep(0)


def test_a_head_and_its_body_leave_in_one_write_at_the_end_of_the_turn() -> None:
    async def story() -> list[bytes]:
        wire = Wire()
        transport = HeldTransport(wire, Outbox(asyncio.get_running_loop()))
        transport.write(b"head ")
        transport.write(b"body")
        assert wire.said == []
        await turn()
        transport.write(b"next")
        await turn()
        return wire.said

    assert asyncio.run(story()) == [b"head body", b"next"]


def test_connections_of_one_turn_are_sent_together_in_the_order_in_which_they_spoke() -> None:
    async def story() -> list[str]:
        order: list[str] = []

        class Named(Wire):
            def __init__(self, name: str) -> None:
                super().__init__()
                self.name = name

            def write(self, data: bytes | bytearray | memoryview) -> None:
                order.append(f"{self.name}:{bytes(data).decode()}")

        outbox = Outbox(asyncio.get_running_loop())
        first, second = (HeldTransport(Named(name), outbox) for name in "ab")
        second.write(b"1")
        first.write(b"2")
        second.write(b"3")
        await turn()
        return order

    assert asyncio.run(story()) == ["b:13", "a:2"]


def test_closing_sends_what_is_held_first_and_nothing_twice() -> None:
    async def story() -> list[bytes]:
        wire = Wire()
        transport = HeldTransport(wire, Outbox(asyncio.get_running_loop()))
        transport.write(b"last words")
        transport.close()
        assert transport.is_closing()
        await turn()
        return wire.said

    assert asyncio.run(story()) == [b"last words", b"<closed>"]


def test_an_empty_write_sends_nothing() -> None:
    async def story() -> list[bytes]:
        wire = Wire()
        HeldTransport(wire, Outbox(asyncio.get_running_loop())).write(b"")
        await turn()
        return wire.said

    assert asyncio.run(story()) == []
