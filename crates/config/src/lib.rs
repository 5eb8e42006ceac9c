//! Files, environment and defaults into settings and process entries.
