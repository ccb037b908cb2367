"""The DNS front: plain sockets around the compiled loop, streams next to it, and what both answer by themselves."""
