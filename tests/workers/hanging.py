"""A worker whose native code never returns."""

import sys
import time

from onnxlint.runtime import protocol

protocol.read_request(sys.stdin.buffer)
time.sleep(600)
