"""The durable outbox (DESIGN §11): work written in the operation's own transaction, done afterwards under a lease.

Every job is done at least once: a worker that is killed loses its lease, and the next one takes the job over. A
handler may therefore run twice and must do no harm by it.
"""
