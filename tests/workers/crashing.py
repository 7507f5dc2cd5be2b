"""A worker whose native code crashes when a session is created."""

import os
import signal
import sys

from onnxlint.runtime import protocol

protocol.read_request(sys.stdin.buffer)
os.kill(os.getpid(), signal.SIGSEGV)
