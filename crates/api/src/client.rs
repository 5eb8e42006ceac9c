//! A client over the Unix socket.
