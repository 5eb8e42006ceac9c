//! What pmond remembers: processes in SQLite.
