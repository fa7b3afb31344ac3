"""What is put around stages: warm pools, second calls, changes of provider, and the cache of openers.

Every wrapper implements the protocol of the stage it wraps, so the session never knows. What a wrapper does that a
caller pays for, it gives notice of (`hocket.stages.notices`).
"""
