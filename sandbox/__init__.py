"""A local Seller Central: login, Orders, Reports and Notifications, with Amazon's rules, limits and refusals.

A separate program: it imports nothing of Orderbridge, so that it is able to disagree with our client. Start with
`python -m sandbox --help`; `seller_central.py` is the room everything meets in, `amazon_api.py` and `back_door.py`
are its two doors.
"""
