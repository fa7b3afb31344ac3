"""Ask an agent a question from a file, print the conversation, and keep the answer as a file.

    hocket serve --dev examples/harbour_kayaks/agent.py
    python examples/clients/ask.py http://localhost:8080 question.wav answer.wav

Outside of --dev set HOCKET_API_KEY to one of the gateway's keys.
"""

from __future__ import annotations

import asyncio
import os
import sys

import numpy as np
import soundfile

from hocket.client import Heard, connect
from hocket.errors import HocketError
from hocket.trace.news import Caption, Turn


async def ask(url: str, question: str, answer: str, *, ticket: str = "") -> None:
    samples, rate = soundfile.read(question, dtype="int16")
    api_key = os.environ.get("HOCKET_API_KEY", "")
    heard = []
    async with connect(url, ticket=ticket, api_key=api_key, rate=rate) as call:
        saying = asyncio.create_task(call.say(samples))
        async for event in call:
            if isinstance(event, Heard):
                heard.append(event.samples)
            elif isinstance(event, Caption) and event.final:
                print(f"{event.who}: {event.text}")
            elif isinstance(event, Turn) and event.agent:
                print(f"   answered after {event.response_latency_ms:.0f} ms")
                break
        await saying
    soundfile.write(answer, np.concatenate(heard), rate)
    print(f"{call.welcome.agent} spoke for {sum(map(len, heard)) / rate:.1f} s: {answer}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        asyncio.run(ask(*sys.argv[1:]))
    except HocketError as error:
        sys.exit(f"{error}")
