"""A worker that was taken over: it answers with what is no message."""

import sys
import time

from onnxlint.runtime import protocol

protocol.read_request(sys.stdin.buffer)
sys.stdout.buffer.write(b"\x04\0\0\0\0\0\0\0cos\n")
sys.stdout.buffer.flush()
time.sleep(600)
