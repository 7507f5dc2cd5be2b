"""A worker whose native code never returns."""

import sys
import time

from onnxlint.runtime import messages

messages.read_request(sys.stdin.buffer)
time.sleep(600)
