#!/usr/bin/python3
"""What farlet uses of systemd-logind: delay locks, and the signal before a shutdown.

Usage: logind.py SECONDS LOG; SIGUSR1 begins a shutdown, SIGUSR2 cancels one.
"""
import os
import signal
import sys
import time

import dbus
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

MANAGER = "org.freedesktop.login1.Manager"


class Manager(dbus.service.Object):
    preparing = False
    held = 0
    begun = 0.0

    def note(self, what):
        with open(sys.argv[2], "a") as file:
            file.write(what + "\n")

    @dbus.service.method(MANAGER, in_signature="ssss", out_signature="h")
    def Inhibit(self, what, who, why, mode):
        if self.preparing:
            raise dbus.DBusException(
                "The operation inhibition has been requested for is already running",
                name="org.freedesktop.login1.OperationInProgress",
            )
        end, lock = os.pipe()
        self.held += 1
        self.note(f"held {what} {mode} {who}")
        GLib.io_add_watch(end, GLib.IO_HUP, self.released)
        taken = dbus.types.UnixFd(lock)
        os.close(lock)
        return taken

    def released(self, end, _):
        os.close(end)
        self.held -= 1
        waited = f" after {time.monotonic() - self.begun:.1f}" if self.preparing else ""
        self.note("released" + waited)
        return False

    @dbus.service.signal(MANAGER, signature="b")
    def PrepareForShutdown(self, start):
        pass

    @dbus.service.method(dbus.PROPERTIES_IFACE, in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        if name == "InhibitDelayMaxUSec":
            return dbus.UInt64(int(float(sys.argv[1]) * 1e6))
        return dbus.Boolean(self.preparing)

    def prepare(self, start):
        self.preparing = start
        self.begun = time.monotonic()
        self.note("preparing" if start else "cancelled")
        self.PrepareForShutdown(start)
        return True


DBusGMainLoop(set_as_default=True)
name = dbus.service.BusName("org.freedesktop.login1", dbus.SystemBus())
manager = Manager(name, "/org/freedesktop/login1")
GLib.unix_signal_add(GLib.PRIORITY_HIGH, signal.SIGUSR1, manager.prepare, True)
GLib.unix_signal_add(GLib.PRIORITY_HIGH, signal.SIGUSR2, manager.prepare, False)
manager.note("up")
GLib.MainLoop().run()
