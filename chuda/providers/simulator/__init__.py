"""The built-in provider simulator: a whole SMS company in one process, and the judge of "never twice".

It plays *another company's* system. That is why it keeps its own database with the stdlib's sqlite3 instead of
Chuda's stores, counts parts and guesses carriers by its own rules, knows phone numbers in clear, and shares with
the rest of Chuda the clock and nothing else: a mistake over there must not repeat itself in here unseen.

Layers, each importing only those above it:
    profile      what can be configured
    carriers     numbers and billable parts as this company sees them
    people       what people write back, open and buy: word lists and codes
    world        the fate of a message, a pure function of (seed, phone, message id)
    record       what was accepted, on disk before any answer
    feeds        receipts, replies, clicks and orders by the time they become visible
    provider     the company: accepts, answers, bills – the same for every protocol
    faults       trouble on demand
    generic      one protocol: the generic HTTP/JSON one
    cloud        what the two protocols of the clouds share: filed templates, limits per number
    aliyun       Aliyun's protocol, its signature verified, its limits and answers
    tencent      Tencent Cloud's, likewise
    pushing      receipts and replies pushed to an address of the customer's
    app          the ASGI application; transport and __main__ serve it
    judge        reads the record from outside
"""
