# SPDX-License-Identifier: Apache-2.0
"""Links that can be cut between two nodes and no others. Each node advertises a port of this relay, which passes everything on until it
is told otherwise. Which node a connection comes from is read from the kernel: whose socket has its other end.

    relay = Relay()
    node = world.node("n2", "--advertise", relay.endpoint("n2"), ...); relay.serves("n2", node.pid)   # see Relay.node
    relay.cut("n2", "n3")                     # silent, both ways: bytes wait, nobody is told
    relay.cut("n2", "n3", ("n2",))            # only what n2 says waits
    relay.cut("n2", "n3", reset=True)         # connections are reset, new ones too
    relay.cut_dialled("n2", "n3")             # only the connections that n2 has made to n3: the others go on
    relay.heal()                              # what has waited goes on
"""
import errno
import os
import re
import selectors
import socket
import struct
import threading

CHUNK = 1 << 16
HELD_MAX = 1 << 20  # bytes of one direction that wait here; more wait in the kernel's buffers, as they would on a wire


def _sockets(pid):
    """Inodes of a process's sockets."""
    found = set()
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{fd}"))
            except OSError:
                continue
            if match:
                found.add(int(match.group(1)))
    except OSError:
        pass
    return found


def _tcp():
    """(local port, remote port, state, inode) of all TCP sockets of this machine."""
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):  # sockets of both families speak IPv4
        with open(path, encoding="ascii") as table:
            for line in table.readlines()[1:]:
                words = line.split()
                yield int(words[1].split(":")[1], 16), int(words[2].split(":")[1], 16), words[3], int(words[9])


class _Pipe:
    """One connection: `ends[0]` is who dialled, `ends[1]` the node that was dialled; each with what waits to be written to it."""

    def __init__(self, dialled, ends, names):
        self.dialled, self.ends, self.names = dialled, ends, names
        self.waiting = [bytearray(), bytearray()]
        self.over = [False, False]  # nothing more will be read from it


class Relay:
    def __init__(self):
        self.lock = threading.Lock()
        self.listeners, self.pids, self.pipes = {}, {}, []
        self.cuts, self.dialled_cuts, self.resets = set(), set(), set()  # (from, to); (who dialled, whom); unordered pairs
        self.selector = selectors.DefaultSelector()
        self.wake_read, self.wake_write = os.pipe()
        os.set_blocking(self.wake_read, False)
        self.selector.register(self.wake_read, selectors.EVENT_READ, None)
        self.ended = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    # ---- for tests

    def endpoint(self, name):
        """Where others reach that node; a port is taken at the first call."""
        with self.lock:
            if name not in self.listeners:
                listener = socket.socket()
                listener.bind(("127.0.0.1", 0))
                listener.listen(128)
                listener.setblocking(False)
                self.listeners[name] = listener
                self.selector.register(listener, selectors.EVENT_READ, name)
                os.write(self.wake_write, b"x")
            return "tcp://127.0.0.1:%d" % self.listeners[name].getsockname()[1]

    def serves(self, name, pid):
        """From now on that process is that node."""
        self.pids[name] = pid

    def cut(self, a, b, silent=None, reset=False):
        with self.lock:
            for name in silent or (a, b):
                self.cuts.add((name, b if name == a else a))
            if reset:
                self.resets.add(frozenset((a, b)))
                for pipe in list(self.pipes):
                    if set(pipe.names) == {a, b}:
                        self._reset(pipe)
        os.write(self.wake_write, b"x")

    def cut_dialled(self, by, to):
        with self.lock:
            self.dialled_cuts.add((by, to))
        os.write(self.wake_write, b"x")

    def heal(self):
        with self.lock:
            self.cuts.clear()
            self.dialled_cuts.clear()
            self.resets.clear()
        os.write(self.wake_write, b"x")

    def close(self):
        self.ended = True
        os.write(self.wake_write, b"x")
        self.thread.join(5)
        for listener in self.listeners.values():
            listener.close()
        for pipe in list(self.pipes):
            self._end(pipe)
        self.selector.close()
        os.close(self.wake_read)
        os.close(self.wake_write)

    # ---- the thread

    def _run(self):
        while not self.ended:
            ready = self.selector.select(1.0)
            with self.lock:
                for key, events in ready:
                    if key.data is None:
                        try:
                            os.read(self.wake_read, 4096)
                        except BlockingIOError:
                            pass
                    elif isinstance(key.data, str):
                        self._accept(key.fileobj, key.data)
                    elif key.data[0] in self.pipes:
                        self._move(*key.data, events)
                for pipe in list(self.pipes):
                    self._watch(pipe)

    def _who_has(self, port, listener_port):
        """The node whose socket has that port and speaks to this one; "" for clients."""
        inodes = {inode for local, remote, _, inode in _tcp() if local == port and remote == listener_port}
        return next((name for name, pid in self.pids.items() if inodes & _sockets(pid)), "")

    def _port_of(self, name):
        """Where that node listens itself."""
        own = _sockets(self.pids.get(name, 0))
        return next((local for local, _, state, inode in _tcp() if state == "0A" and inode in own), None)

    def _accept(self, listener, name):
        try:
            near, address = listener.accept()
        except OSError:
            return
        port = self._port_of(name)
        who = self._who_has(address[1], listener.getsockname()[1])
        if port is None or frozenset((who, name)) in self.resets:
            self._close_hard(near)
            return
        far = socket.socket()
        for end in (near, far):
            end.setblocking(False)  # the dialling too: one node that is slow to answer must not hold up the others
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if far.connect_ex(("127.0.0.1", port)) not in (0, errno.EINPROGRESS):
            far.close()
            self._close_hard(near)
            return
        self.pipes.append(_Pipe(name, (near, far), (who, name)))

    def _is_cut(self, pipe, side):
        """Whether what that end says waits."""
        return (pipe.names[side], pipe.names[1 - side]) in self.cuts or pipe.names in self.dialled_cuts

    def _watch(self, pipe):
        """Reads what may go on, writes what waits and may."""
        if pipe not in self.pipes:
            return
        for side in (0, 1):
            events = 0
            if not self._is_cut(pipe, side) and not pipe.over[side] and len(pipe.waiting[1 - side]) < HELD_MAX:
                events |= selectors.EVENT_READ
            if pipe.waiting[side] and not self._is_cut(pipe, 1 - side):
                events |= selectors.EVENT_WRITE
            known = self.selector.get_map().get(pipe.ends[side])
            if known is None and events:
                self.selector.register(pipe.ends[side], events, (pipe, side))
            elif known is not None and not events:
                self.selector.unregister(pipe.ends[side])
            elif known is not None and known.events != events:
                self.selector.modify(pipe.ends[side], events, (pipe, side))
        if (pipe.over[0] and not pipe.waiting[1]) or (pipe.over[1] and not pipe.waiting[0]):
            self._end(pipe)

    def _move(self, pipe, side, events):
        try:
            if events & selectors.EVENT_READ:
                data = pipe.ends[side].recv(CHUNK)
                pipe.waiting[1 - side] += data
                pipe.over[side] = not data
                self._write(pipe, 1 - side)
            if events & selectors.EVENT_WRITE:
                self._write(pipe, side)
        except BlockingIOError:
            pass
        except OSError:
            self._reset(pipe)

    def _write(self, pipe, side):
        if pipe.waiting[side] and not self._is_cut(pipe, 1 - side):
            try:
                del pipe.waiting[side][:pipe.ends[side].send(pipe.waiting[side])]
            except BlockingIOError:
                pass

    def _end(self, pipe):
        self.pipes.remove(pipe)
        for end in pipe.ends:
            if end in self.selector.get_map():
                self.selector.unregister(end)
            end.close()

    @staticmethod
    def _close_hard(end):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.close()

    def _reset(self, pipe):
        self.pipes.remove(pipe)
        for end in pipe.ends:
            if end in self.selector.get_map():
                self.selector.unregister(end)
            self._close_hard(end)
