"""stub"""


def write_tables(): ...
