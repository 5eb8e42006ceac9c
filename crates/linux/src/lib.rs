//! What Linux can do for a supervisor: spawn, reap, signal, identify. It decides nothing.
