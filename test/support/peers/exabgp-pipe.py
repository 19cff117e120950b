"""Between ExaBGP and the test: commands from a FIFO go to standard output, events on standard input to a file."""
import os
import sys
import threading

# Opened for both directions, so that a writer who closes it does not end the stream.
commands = os.open(sys.argv[1], os.O_RDWR)
events = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def copy(source, sink):
    while data := os.read(source, 65536):
        os.write(sink, data)
    os._exit(0)


threading.Thread(target=copy, args=(commands, 1), daemon=True).start()
copy(0, events)
