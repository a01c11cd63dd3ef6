"""A Celery broker in MongoDB: messages are leased, and waiting needs no polling.

kombu's own MongoDB transport deletes a message when it hands it out, so that it is
lost with its worker; it polls; and its remote control is dead on a fresh database.
Here a message is *leased*: the worker that holds it renews the lease, its ack deletes
it, and when the worker is gone the lease runs out and another one gets it. Workers
wait on a tailable cursor. It serves the laptop; production is RabbitMQ.

Use it as ``Celery(broker="mongodb://…", …)`` with the setting ``broker_transport``
``"omega_jupyter.runtime.transport:Transport"``. A ``mongodb+srv://`` URL must be given
as ``omega+mongodb+srv://…``, since kombu reads what stands before a ``+`` as the
transport's name.

Settings in ``broker_transport_options``:

``lease``
    Seconds until a message that nobody renewed is given to another worker (30).

=======================  =================================================================
collection               holds
=======================  =================================================================
omega_queue              the messages: queue, payload, until when they are leased, by whom
omega_queue_notify       capped: "there is something in this queue", and broadcasts
omega_queue_bindings     exchange, routing key → queue
=======================  =================================================================
"""

from __future__ import annotations

from kombu.transport import TRANSPORT_ALIASES

from omega_jupyter.runtime.transport.transport import Transport

__all__ = ["Transport"]

TRANSPORT_ALIASES["omega"] = "omega_jupyter.runtime.transport:Transport"
