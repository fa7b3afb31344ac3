"""The agent of a load: Deepgram, OpenAI and Cartesia where the environment says they are (`HOCKET_WIRES`, JSON)."""

from __future__ import annotations

import json
import os

from hocket import Agent
from hocket.providers.cartesia import Cartesia
from hocket.providers.deepgram import Deepgram
from hocket.providers.openai_chat import OpenAiChat

_stt, _llm, _tts = json.loads(os.environ["HOCKET_WIRES"])

agent = Agent(
    "You answer a telephone. Be brief.",
    stt=Deepgram(key="bench", base_url=_stt, encoding="mulaw"),
    llm=OpenAiChat("gpt-4.1-mini", key="bench", base_url=f"{_llm}/v1"),
    tts=Cartesia("bench", key="bench", base_url=_tts),
)
