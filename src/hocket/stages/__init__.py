"""What a stage is: protocols, one noun a file. The session knows these and no vendor.

Rules every implementation keeps (`tests/stages/contract.py` checks them):
- nothing blocks the event loop; heavy work goes through `loop.run_in_executor`, so that a
  simulation can stop virtual time for it;
- what is pushed is bounded: a stage that falls behind drops or raises, it never grows;
- closing or cancelling is legal at any moment, twice too, and leaves no task, thread or socket;
- failures are raised as `hocket.errors.StageError`, never as a library's own exception.
"""
