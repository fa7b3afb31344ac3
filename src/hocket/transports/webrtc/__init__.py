"""Calls from browsers by WebRTC: aiortc's ICE, DTLS and SRTP under our own way of the audio.

`ice` says who may speak, `peer` decrypts, `hearing` puts packets in order and fills holes; back go `voice` and `rtp`.
"""
