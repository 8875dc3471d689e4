"""The line: places, moving up, leaving from anywhere, and its end."""

import asyncio

import pytest

from app.serving.line import Line, LineFullError


def test_places_move_up():
    async def run():
        line = Line()
        first, second, third = line.join(), line.join(), line.join()
        seen = []

        async def wait():
            async for place in third.places():
                seen.append(place)

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        line.leave(second)  # gave up before it had its turn
        await asyncio.sleep(0)
        line.leave(second)  # twice does nothing
        await asyncio.sleep(0)
        line.leave(first)
        await task
        return seen, line.length

    assert asyncio.run(run()) == ([2, 1, 0], 1)


def test_the_first_does_not_wait():
    async def run():
        line = Line()
        await line.join().turn()
        return line.length

    assert asyncio.run(run()) == 1


@pytest.mark.parametrize("most", [0, 1, 3])
def test_how_many_may_wait(most):
    async def run():
        line = Line(most)
        for _ in range(most + 1):  # one is served
            line.join()
        with pytest.raises(LineFullError):
            line.join()

    asyncio.run(run())
