"""Where copies live: the protocol of remote stores and the one that is a folder."""
