"""Shows notifications, as a desktop does, by taking them down: recorder.py FILE [dies].

One that dies does so in the middle of the first call.
"""

import json
import sys

from jeepney import HeaderFields, MessageType, new_method_return
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection

NAME = "org.freedesktop.Notifications"

with open_dbus_connection("SESSION") as bus:
    reply = bus.send_and_get_reply(message_bus.RequestName(NAME))
    assert reply.body == (1,), reply.body
    count = 0
    while True:
        message = bus.receive()
        if message.header.message_type != MessageType.method_call:
            continue
        method = message.header.fields.get(HeaderFields.member)
        if method == "GetCapabilities":
            bus.send(new_method_return(message, "as", (["body", "body-markup"],)))
        elif method == "Notify":
            if "dies" in sys.argv:
                break
            app, _, icon, title, body, _, hints, _ = message.body
            count += 1
            note = {"app": app, "icon": icon, "title": title, "body": body, "urgency": hints["urgency"][1]}
            with open(sys.argv[1], "a") as log:
                log.write(json.dumps(note) + "\n")
            bus.send(new_method_return(message, "u", (count,)))
